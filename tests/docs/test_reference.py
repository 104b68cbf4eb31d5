"""The reference is whole: it names every key, every rule, every command and option, and every kind of JSON document."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

import pytest

from documents import TOP, blocks
from lab.cli import parser
from lab.expressroute.rules import RULES
from lab.load.schema import policy_schema, topology_schema
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
    """The parser of each command."""
    actions = parser()._actions  # noqa: SLF001  # argparse has no other way to ask
    (commands,) = (one.choices for one in actions if isinstance(one, argparse._SubParsersAction))  # noqa: SLF001
    return dict(commands)


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


@pytest.mark.parametrize("document", ["MatchDocument", "SetDocument", "TermDocument", "PolicyFileDocument"])
def test_every_key_of_a_policy_file_has_an_example(document: str) -> None:
    """Each match, each change and each fate is in a policy that the tests evaluate."""
    schema = policy_schema()
    wanted = schema["$defs"].get(document, schema)["properties"]
    examples = "".join(block.text for block in blocks(POLICY, "policy.md") if block.language == "yaml")
    assert [key for key in wanted if not re.search(rf"\b{key}:", examples)] == []
    fates = wanted.get("then", {}).get("enum", [])
    assert [fate for fate in fates if f"then: {fate}" not in examples] == []


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
    assert set(re.findall(r"^### `erlab (\w+)", COMMANDS, re.MULTILINE)) == set(subparsers())


def test_every_json_document_is_named() -> None:
    """Each kind of JSON document stands in the reference, with its version."""
    source = (TOP / "lab" / "report" / "as_json.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'_document\(\s*"([a-z-]+)"', source))
    tables = {"routes", "sessions", "rib-in", "rib-out", "fib"}
    assert set(re.findall(r"erlab/([a-z-]+)/1", COMMANDS)) == kinds | tables
