"""The JSON Schemas that editors complete from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab.load.expectation_documents.failovers import EVERY_MS, FailoverDocument
from lab.load.expectation_documents.losses import FOR_MS, LossDocument
from lab.load.schema import cases_schema, policy_schema, topology_schema, write
from lab.load.source import read

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
REFERENCE = ROOT / "docs" / "reference"
TOPOLOGIES = [
    *sorted((ROOT / "topologies").glob("*.yaml")),
    *(file for file in sorted((GOLDEN / "right").glob("*.yaml")) if file.name != "more.yaml"),
]
CASES = ".cases.yaml"
POLICIES = [file for file in sorted((ROOT / "policies").glob("*.yaml")) if not file.name.endswith(CASES)]
POLICIES.append(GOLDEN / "right" / "more.yaml")
OF_FORM = ("key_unknown", "key_missing", "value_quoted_number", "value_wrong_kinds", "circuit_values", "expect_keys")
"""Wrong files whose mistakes an editor can show."""
POLICIES_OF_FORM = ("policy_unknown_keys", "policy_then", "policy_asked", "policy_mapping", "policy_empty")
"""Wrong policy files whose mistakes an editor can show."""


def problems(schema: dict[str, Any], file: Path) -> list[str]:
    """What a schema has against a file."""
    return [error.message for error in Draft202012Validator(schema).iter_errors(read(file, file.name).data)]


@pytest.mark.parametrize("schema", [topology_schema(), policy_schema()], ids=["topology", "policy"])
def test_a_schema_is_one(schema: dict[str, Any]) -> None:
    """Each schema is a valid one of draft 2020-12."""
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", TOPOLOGIES, ids=lambda file: file.name)
def test_right_topologies_satisfy_their_schema(file: Path) -> None:
    """Every shipped topology, and one with every key, satisfies the schema."""
    assert problems(topology_schema(), file) == []


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.name)
def test_right_policies_satisfy_their_schema(file: Path) -> None:
    """Every shipped policy file, and one with every key, satisfies the schema."""
    assert problems(policy_schema(), file) == []


@pytest.mark.parametrize("name", POLICIES_OF_FORM)
def test_mistakes_of_form_break_the_schema_of_policies(name: str) -> None:
    """What is wrong in the form of a policy file is so to its schema too."""
    assert problems(policy_schema(), GOLDEN / "mistakes" / f"{name}.yaml")


def test_editors_know_the_names_of_communities() -> None:
    """An editor can complete every name that stands for a community, and every example of a schema satisfies it."""
    (names,) = [one["enum"] for one in policy_schema()["$defs"]["community"]["anyOf"] if "enum" in one]
    assert {"no-export", "westeurope.private", "exchange-online.usgov"} < set(names)
    for schema in having("examples", policy_schema()):
        whole = {**schema, "$defs": policy_schema()["$defs"]}
        assert [one for one in schema["examples"] if not Draft202012Validator(whole).is_valid(one)] == []


def test_a_default_may_be_written() -> None:
    """Every default of a schema satisfies it, and that of a time means what leaving it out means."""
    for schema in (policy_schema(), topology_schema(), cases_schema()):
        for part in having("default", schema):
            whole = {**part, "$defs": schema["$defs"]}
            assert [error.message for error in Draft202012Validator(whole).iter_errors(part["default"])] == []
    failover = {"from": "hq", "to": "hub", "when": {"link_down": "primary"}, "outage_under": "1 s"}
    loss = {"from": "hq", "to": "hub", "rate": "2 Mbps"}
    for every in ({}, {"every": default_of("FailoverDocument", "every")}):
        assert FailoverDocument.model_validate(failover | every).every == EVERY_MS
    for how_long in ({}, {"for": default_of("LossDocument", "for")}):
        assert LossDocument.model_validate(loss | how_long).for_ == FOR_MS


def default_of(document: str, key: str) -> str:
    """What the schema of topologies says that a key is where it is left out."""
    return str(topology_schema()["$defs"][document]["properties"][key]["default"])


def having(keyword: str, schema: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  # any part of a schema
    """Every part of a schema that has a keyword."""
    if isinstance(schema, list):
        for one in schema:
            yield from having(keyword, one)
    elif isinstance(schema, dict):
        if keyword in schema:
            yield schema
        for one in schema.values():
            yield from having(keyword, one)


@pytest.mark.parametrize("name", OF_FORM)
def test_mistakes_of_form_break_the_schema(name: str) -> None:
    """What is wrong in form is so to the schema too, so an editor shows it while it is written."""
    assert problems(topology_schema(), GOLDEN / "mistakes" / f"{name}.yaml")


@pytest.mark.parametrize("name", ["topology", "policy"])
def test_the_published_schemas_are_current(name: str, tmp_path: Path) -> None:
    """The schemas in docs/reference are those of this version: `make schemas` writes them anew."""
    write(tmp_path)
    published = REFERENCE / f"{name}.schema.json"
    assert published.read_text(encoding="utf-8") == (tmp_path / published.name).read_text(encoding="utf-8")


def test_every_key_is_described() -> None:
    """Every key has words that an editor can show."""
    models = [*topology_schema()["$defs"].values(), *policy_schema()["$defs"].values()]
    keys = [key for model in models for key in model.get("properties", {}).values()]
    assert [key for key in keys if "description" not in key] == []
