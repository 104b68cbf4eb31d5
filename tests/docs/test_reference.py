"""The reference is whole: it names every key, every rule, every command and option, and every kind of JSON document."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

import pytest

from documents import TOP, blocks
from lab.bgp import WELL_KNOWN
from lab.cli import parser
from lab.expressroute.rules import RULES
from lab.load.schema import policy_schema, topology_schema
from lab.rib import Because
from reference_tables import FILE, RULE_KEYS, filled

COMMANDS = (TOP / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
POLICY = (TOP / "docs" / "reference" / "policy.md").read_text(encoding="utf-8")
TOPOLOGY = FILE.read_text(encoding="utf-8")


def keys(schema: Any) -> Iterator[str]:  # noqa: ANN401  # any part of a schema
    """Every key that a schema knows."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for one in schema.values():
            yield from keys(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from keys(one)


def subparsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, and of each verb of a command that has several."""
    return dict(_leaves(parser(), ""))


def _leaves(at: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    actions = at._actions  # noqa: SLF001  # argparse has no other way to ask
    verbs = [one.choices for one in actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    if not verbs:
        yield name, at
    for words in verbs:
        for word, below in words.items():
            yield from _leaves(below, f"{name} {word}".strip())


def section(command: str) -> str:
    """What the reference says of a command."""
    found = re.search(rf"^### `erlab {command}\b.*?(?=^##)", COMMANDS, re.MULTILINE | re.DOTALL)
    assert found, f"no section of erlab {command}"
    return found[0]


def test_the_tables_of_topology_files_are_those_of_the_code() -> None:
    """The tables are what `PYTHONPATH=tests python tests/reference_tables.py` writes."""
    assert filled(TOPOLOGY) == TOPOLOGY


def test_every_key_of_a_topology_file_is_explained() -> None:
    """Each key of the JSON Schema ends a row's path, or stands on its own."""
    explained = set(re.findall(r"^\| `(?:[\w.]+\.)?(\w+)`", TOPOLOGY, re.MULTILINE))
    assert set(keys(topology_schema())) - explained == set()


def test_every_rule_is_explained() -> None:
    """Each rule has a row with its source and tag, and the keys that it is about."""
    for rule in RULES:
        assert f"| {rule.id} | {rule.title} | {rule.tag.value} | {rule.source} |" in TOPOLOGY
        for key in RULE_KEYS[rule.id].split(", "):
            assert re.search(rf"^\| `{key}` .*\b{rule.id}\b", TOPOLOGY, re.MULTILINE), (rule.id, key)
    assert len(RULE_KEYS) == len(RULES)


EXAMPLES = "".join(block.text for block in blocks(POLICY, "policy.md") if block.language == "yaml")


def missing(schema: dict[str, Any]) -> list[str]:
    """The keys and choices of a part of a schema that no example of the policy reference has."""
    properties: dict[str, Any] = schema["properties"]
    wanted = [*(f"{key}:" for key in properties), *(choice for one in properties.values() for choice in choices(one))]
    return [one for one in wanted if not re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", EXAMPLES)]


def choices(schema: Any) -> Iterator[str]:  # noqa: ANN401  # any part of a schema
    """Every word of which one is to be chosen; true and false speak for themselves."""
    if isinstance(schema, dict):
        yield from (one for one in schema.get("enum", ()) if isinstance(one, str) and one not in ("true", "false"))
        for one in schema.values():
            yield from choices(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from choices(one)


@pytest.mark.parametrize("document", ["policy file", *(n for n in policy_schema()["$defs"] if n.endswith("Document"))])
def test_every_key_of_a_policy_file_has_an_example(document: str) -> None:
    """Each key that a policy file can have, and each word that is a choice, is in a policy that the tests evaluate."""
    schema = policy_schema()

    assert missing(schema["$defs"].get(document, schema)) == []


@pytest.mark.parametrize(
    "document",
    [
        "EdgePoliciesDocument",
        "MaxPrefixDocument",
        "EdgeBgpDocument",
        "AggregateDocument",
        "BestPathDocument",
        "IbgpDocument",
    ],
)
def test_every_rule_beside_the_policies_has_an_example(document: str) -> None:
    """Each key that says what an edge does beside its policies is in a topology that the tests predict."""
    keys_of = topology_schema()["$defs"][document]["properties"]

    assert missing({"properties": {key: {} for key in keys_of}}) == []


def test_a_key_without_an_example_is_found() -> None:
    """A negative control: what stands in no example, or only as a part of another key, is missing."""
    unknown = {"properties": {"prefix_list": {}, "prefix": {}, "as_pat": {}, "weird": {"enum": ["accept", "ponder"]}}}

    assert missing(unknown) == ["as_pat:", "weird:", "ponder"]


@pytest.mark.parametrize("because", [one for one in Because if one not in (Because.NO_PATH, Because.ONLY_PATH)])
def test_every_step_of_the_decision_is_explained(because: Because) -> None:
    """Each reason for which a path loses is a row of the table of the best path, word for word."""
    assert f"| {because.value} |" in POLICY


def test_every_well_known_community_is_explained() -> None:
    """Each community with a meaning of its own is in the table that says what a router does with it."""
    for name, number in WELL_KNOWN.items():
        assert f"| `{name}` {number} |" in POLICY


@pytest.mark.parametrize("command", subparsers())
def test_every_command_and_option_is_explained(command: str) -> None:
    """Each command has a section, which names each of its options, their choices and its arguments."""
    for action in subparsers()[command]._actions:  # noqa: SLF001
        if action.dest in ("help", "format"):
            continue
        names = [*action.option_strings, *map(str, action.choices or ())] or [str(action.metavar)]
        missing = [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", section(command))]
        assert missing == [], f"erlab {command}"


def test_no_command_is_explained_that_is_not_there() -> None:
    """The sections are those of the commands."""
    assert set(re.findall(r"^### `erlab ([a-z]+(?: [a-z]+)*)", COMMANDS, re.MULTILINE)) == set(subparsers())


def test_every_json_document_is_named() -> None:
    """Each kind of JSON document stands in the reference, with its version."""
    sources = (one.read_text(encoding="utf-8") for one in (TOP / "lab" / "report").glob("*.py"))
    kinds = {kind for source in sources for kind in re.findall(r'\bdocument(?:_line)?\(\s*"([a-z-]+)"', source)}
    tables = {"routes", "sessions", "rib-in", "rib-out", "fib"}
    assert set(re.findall(r"erlab/([a-z-]+)/\d", COMMANDS)) == kinds | tables
