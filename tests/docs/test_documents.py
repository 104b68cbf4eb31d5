"""What README and docs show is what happens: every example runs, in order, one session for each document."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from documents import DOCUMENTS, TOP, Block, blocks, commands, matches, wrong_routes
from erlab_command import Erlab
from lab.load import load_file, load_policies
from lab_processes import adopt_orphans, bury_the_dead

BY_NAME = {str(one.relative_to(TOP)): one for one in DOCUMENTS}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the topologies and policies that are shipped."""
    directory = tmp_path / "erlab"
    for name in ("topologies", "policies"):
        shutil.copytree(TOP / name, directory / name)
    return directory


@pytest.fixture
def erlab(tmp_path: Path) -> Iterator[Erlab]:
    """The command, whose labs end with the test."""
    adopt_orphans()
    command = Erlab(state=tmp_path / "state", name="documents")
    yield command
    command.end_everything()
    bury_the_dead()


def run_blocks(examples: list[Block], erlab: Erlab, place: Path) -> None:
    """Run the blocks of a document, or fail with what is not as it says."""
    latest = Path()
    for block in examples:
        match block.language:
            case "console":
                _session(block, erlab, place)
            case "yaml":
                latest = _file(block, place)
            case "routes":
                assert wrong_routes(block, load_policies(latest)) == [], block.where
            case "json":
                json.loads(block.text)
            case "sh":
                _by_hand(block)
            case language:
                assert language == "text", f"{block.where}: a block of {language or 'no language'} cannot be tested"


def _session(block: Block, erlab: Erlab, place: Path) -> None:
    """Run a session in a shell that finds `erlab` and shows output as a terminal does."""
    path = f"PATH={Path(sys.executable).parent}:{erlab.environment['PATH']}"
    for command in commands(block):
        shell = f"cd '{place}'; exec 2>&1; {command.text}"
        ended = erlab.run_any("env", path, "PYTHONUNBUFFERED=1", "/bin/sh", "-c", shell)
        says = f"{command.where}: $ {command.text}\n{ended.out}"
        assert ended.code == command.code, f"{says}ended with {ended.code}"
        assert matches(command.output, ended.out), f"{says}is not\n{command.output}"


def _file(block: Block, place: Path) -> Path:
    """A file of a yaml block, which holds no mistakes."""
    assert block.name, f"{block.where}: a yaml block says above it which file it is or is a part of"
    file = place / block.name
    if block.place == "part of":
        assert block.text in file.read_text(encoding="utf-8"), f"{block.where} is no part of {block.name}"
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    load_file(file)
    return file


def _by_hand(block: Block) -> None:
    """What changes the machine is for the reader to run; at least the targets of make exist."""
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", block.text, re.MULTILINE):
        assert f"\n{target}:" in makefile, f"{block.where}: make {target}"


@pytest.mark.parametrize("name", BY_NAME)
def test_every_example_does_what_it_shows(name: str, erlab: Erlab, place: Path) -> None:
    """The commands of a document end and print as it says, and its files hold no mistakes."""
    run_blocks(list(blocks(BY_NAME[name].read_text(encoding="utf-8"), name)), erlab, place)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_link_leads_somewhere(name: str) -> None:
    """Each link into this repository names a file that is there, and a heading that is in it."""
    for target in _links(BY_NAME[name].read_text(encoding="utf-8")):
        file, _, heading = target.partition("#")
        found = (BY_NAME[name].parent / file) if file else BY_NAME[name]
        assert found.exists(), target
        assert not heading or heading in _headings(found.read_text(encoding="utf-8")), target


def _links(text: str) -> Iterator[str]:
    for token in MarkdownIt("commonmark").parse(text):
        for child in token.children or ():
            target = str(child.attrs.get("href", ""))
            if target and not target.startswith("https://"):
                yield target


def _headings(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    tokens = MarkdownIt("commonmark").parse(text)
    words = [after.content for one, after in pairwise(tokens) if one.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in words}


# negative controls: the tests above can fail


GOOD = Block(where="x:1", language="console", text="$ echo one; echo two >&2; exit 3\n# exit 3\no...e\n...\n")


def test_a_session_that_is_as_shown_passes(erlab: Erlab, place: Path) -> None:
    """Wildcards, stderr and exit codes are understood."""
    run_blocks([GOOD], erlab, place)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(replace(GOOD, text="$ echo one\none\ntwo\n"), id="output_missing"),
        pytest.param(replace(GOOD, text="$ echo one; echo two\none\n"), id="output_not_shown"),
        pytest.param(replace(GOOD, text="$ echo one two\none...three\n"), id="other_text"),
        pytest.param(replace(GOOD, text="$ false\n"), id="failed"),
        pytest.param(replace(GOOD, text="$ true\n# exit 1\n"), id="did_not_fail"),
        pytest.param(replace(GOOD, text="output\n$ true\n"), id="no_command"),
        pytest.param(replace(GOOD, language="bash"), id="unknown_language"),
        pytest.param(replace(GOOD, language="sh", text="make nothing\n"), id="unknown_target"),
        pytest.param(replace(GOOD, language="yaml", text="policies: {}\n"), id="yaml_of_no_file"),
        pytest.param(
            replace(GOOD, language="yaml", text="no: part", place="part of", name="policies/customer_edge.yaml"),
            id="no_part",
        ),
    ],
)
def test_a_block_that_is_wrong_fails(block: Block, erlab: Erlab, place: Path) -> None:
    """An example that does not do what it shows is a failure."""
    with pytest.raises(AssertionError):
        run_blocks([block], erlab, place)


POLICIES = """\
policies:
  by-neighbor: [{match: {neighbor: msee1}, then: next_policy}]
  tagged: [{set: {local_pref: "+50", add_communities: 65010:1, next_hop: self}, then: accept}]
"""


@pytest.mark.parametrize(
    ("words", "shown", "wrong"),
    [
        pytest.param((), "10.0.0.0/8 -> rejected", "10.0.0.0/8 -> accepted", id="the first policy"),
        pytest.param(
            ("by-neighbor", "tagged"),
            "10.0.0.0/8 neighbor msee1, own_address 172.16.0.1"
            " -> accepted, next_hop 172.16.0.1, local_pref 150, communities 65010:1",
            "10.0.0.0/8 neighbor msee2, own_address 172.16.0.1"
            " -> accepted, next_hop 172.16.0.1, local_pref 150, communities 65010:1",
            id="a chain, by its session",
        ),
        pytest.param(
            ("tagged",),
            "10.0.0.0/8 as_path 1 {2,3}, own_address 172.16.0.2 -> accepted, local_pref 150, communities 65010:1",
            "10.0.0.0/8 as_path 1 {2,3}, own_address 172.16.0.2 -> accepted, local_pref 150",
            id="one by its name, and all that it changed",
        ),
    ],
)
def test_a_route_that_is_shown_wrongly_fails(
    words: tuple[str, ...], shown: str, wrong: str, erlab: Erlab, place: Path
) -> None:
    """What policies do is compared with what the document says of them."""
    policy = Block(where="x:1", language="yaml", text=POLICIES, place="file", name="p.yaml")
    lines = Block(where="x:9", language="routes", words=words, text=f"{shown}\n")
    run_blocks([policy, lines], erlab, place)
    with pytest.raises(AssertionError):
        run_blocks([policy, replace(lines, text=f"{wrong}\n")], erlab, place)
