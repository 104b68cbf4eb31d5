"""The JSON Schemas that editors complete from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab.load.schema import policy_schema, topology_schema, write
from lab.load.source import read

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
REFERENCE = ROOT / "docs" / "reference"
TOPOLOGIES = [*sorted((ROOT / "topologies").glob("*.yaml")), GOLDEN / "right" / "everything.yaml"]
POLICIES = [*sorted((ROOT / "policies").glob("*.yaml")), GOLDEN / "right" / "more.yaml"]
OF_FORM = ("key_unknown", "key_missing", "value_quoted_number", "value_wrong_kinds", "circuit_values", "expect_keys")
"""Wrong files whose mistakes an editor can show."""


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
    keys = [key for model in models for key in model["properties"].values()]
    assert [key for key in keys if "description" not in key] == []
