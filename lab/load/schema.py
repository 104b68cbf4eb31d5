"""The JSON Schemas of all files that users write, for editors. Run as a program, it writes them to docs/reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from lab.bgp import WELL_KNOWN
from lab.expressroute.community_names import COMMUNITY_NAMES
from lab.load.case_documents import CasesDocument
from lab.load.forms import KEY_OF
from lab.load.policy_documents import PolicyFileDocument
from lab.load.topology_documents import TopologyDocument

if TYPE_CHECKING:
    from pydantic import BaseModel

_COMMUNITY = "^[0-9]{1,5}:[0-9]{1,5}$"
_WILDCARD = r"^([0-9]{1,5}|\*):([0-9]{1,5}|\*)$"
_NAMES = [*WELL_KNOWN, *COMMUNITY_NAMES]
_EXAMPLES = ["65010:100", "no-export", "westeurope.private"]
_DEFINITIONS: Mapping[str, dict[str, Any]] = {
    "community": {
        "description": "asn:value, a well-known name, or the name of a community that Microsoft sets",
        "anyOf": [{"type": "string", "pattern": _COMMUNITY}, {"enum": _NAMES}],
        "examples": _EXAMPLES,
    },
    "community-pattern": {
        "description": "a community, a wildcard such as 65010:*, or a regular expression such as /^65010:1[0-9]+$/",
        "anyOf": [{"type": "string", "pattern": _WILDCARD}, {"type": "string", "pattern": "^/.+/$"}, {"enum": _NAMES}],
        "examples": [*_EXAMPLES, "65010:*", "/^65010:1[0-9]+$/"],
    },
}
"""What stands in many places and is long, so that it stands in `$defs` once."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DIRECTORY = Path(__file__).parents[2] / "docs" / "reference"


def topology_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topology file."""
    return _schema(TopologyDocument, "erlab topology")


def policy_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a policy file."""
    return _schema(PolicyFileDocument, "erlab policies")


def cases_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file of cases for policies."""
    return _schema(CasesDocument, "erlab cases")


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without the titles that repeat each key."""

    def field_title_should_be_set(self, _schema: object) -> bool:
        """Never."""
        return False


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    tidy = _tidy(_resolved(made, made.get("$defs", {})))
    tidy["$defs"] = {**tidy["$defs"], **{name: one for name, one in _DEFINITIONS.items() if _points_to(name, tidy)}}
    return {"$schema": DIALECT, **tidy, "title": title}


def _resolved(value: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401  # any part of a schema
    """A schema with the short forms of mappings in their places."""
    if isinstance(value, list):
        return [_resolved(one, definitions) for one in value]
    if not isinstance(value, dict):
        return value
    if KEY_OF in value:
        mapping = value[KEY_OF]["mapping"]
        mapping = definitions[mapping["$ref"].rpartition("/")[2]] if "$ref" in mapping else mapping
        return _resolved(mapping["properties"][value[KEY_OF]["key"]], definitions)
    return {key: _resolved(one, definitions) for key, one in value.items()}


def _reference(name: str) -> str:
    return f"#/$defs/{name}"


def _points_to(name: str, value: Any) -> bool:  # noqa: ANN401  # any part of a schema
    """Whether a definition is used."""
    if isinstance(value, list):
        return any(_points_to(name, one) for one in value)
    if not isinstance(value, dict):
        return False
    return value.get("$ref") == _reference(name) or any(_points_to(name, one) for one in value.values())


def _tidy(value: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """A schema without null, which no file may write, and without the names of our classes."""
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _tidy(one) for key, one in value.items() if not (key == "default" and one in (None, [], {}))}
    if isinstance(kept.get("definition"), str):
        return {"$ref": _reference(kept["definition"])}
    if isinstance(kept.get("title"), str) and "type" in kept:
        del kept["title"]
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    if "anyOf" not in kept:
        return kept
    kinds = [one for one in kept.pop("anyOf") if one != {"type": "null"}]
    return {**kinds[0], **kept} if len(kinds) == 1 else {**kept, "anyOf": kinds}


def write(directory: Path = DIRECTORY) -> None:
    """Write all schemas."""
    schemas = {"topology": topology_schema(), "policy": policy_schema(), "cases": cases_schema()}
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (directory / f"{name}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
