"""The JSON Schemas of topology and policy files, for editors. Run as a program, this writes them to docs/reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from lab.load.documents import PolicyFileDocument, TopologyDocument

if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DIRECTORY = Path(__file__).parents[2] / "docs" / "reference"


def topology_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topology file."""
    return _schema(TopologyDocument, "erlab topology")


def policy_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a policy file."""
    return _schema(PolicyFileDocument, "erlab policies")


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without the titles that repeat each key."""

    def field_title_should_be_set(self, _schema: object) -> bool:
        """Never."""
        return False


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": DIALECT, **_tidy(made), "title": title}


def _tidy(value: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """A schema without null, which no file may write, and without the names of our classes."""
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _tidy(one) for key, one in value.items() if not (key == "default" and one in (None, [], {}))}
    if isinstance(kept.get("title"), str) and "type" in kept:
        del kept["title"]
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    if "anyOf" not in kept:
        return kept
    kinds = [one for one in kept.pop("anyOf") if one != {"type": "null"}]
    return {**kinds[0], **kept} if len(kinds) == 1 else {**kept, "anyOf": kinds}


def write(directory: Path = DIRECTORY) -> None:
    """Write both schemas."""
    for name, schema in (("topology", topology_schema()), ("policy", policy_schema())):
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (directory / f"{name}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
