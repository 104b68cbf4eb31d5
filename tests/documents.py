"""Markdown documents whose examples run: their blocks, the commands of a session, and what may vary in an output.

A block of the language `console` is a session: `$ ` starts a command, a line `# exit 1` right below it is its exit code
(0 if there is none), and the rest is its output, stderr included. In that, a line `...` stands for any lines, and `...`
inside a line for any text. A `yaml` block has a comment above it that says which file it is, or is a part of:
`<!-- file: name.yaml -->`, `<!-- part of: topologies/name.yaml -->`. `routes` shows what the policy above it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from markdown_it import MarkdownIt

from lab.bgp import AsPath, Origin, Route, parse_community, parse_large_community, parse_prefix
from lab.policy import Policy, evaluate, text_of

TOP = Path(__file__).parents[1]
DOCUMENTS = (
    TOP / "README.md",
    *sorted(one for one in (TOP / "docs").rglob("*.md") if (TOP / "docs" / "decisions") not in one.parents),
)
"""Every document whose examples run; decisions tell of the day on which they were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. `place` and `name` are what the comment above it says, such as `file` and `my.yaml`."""

    where: str
    language: str
    text: str
    place: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of a session, its exit code and the output that is shown."""

    where: str
    text: str
    code: int
    output: str


_COMMENT = re.compile(r"<!-- (file|part of): (\S+) -->")


def blocks(text: str, name: str) -> Iterator[Block]:
    """The fenced blocks of a document."""
    above: re.Match[str] | None = None
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.map:
            place, file = above.groups() if above else ("", "")
            where = f"{name}:{token.map[0] + 1}"
            yield Block(where=where, language=token.info.strip(), text=token.content, place=place, name=file)
        above = _COMMENT.search(token.content) if token.type == "html_block" else None


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    before, *pieces = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not before, f"{block.where}: a session starts with a command"
    for piece in pieces:
        text, _, output = piece.partition("\n")
        code = re.match(r"# exit (\d+)\n?", output)
        output = output[code.end() :] if code else output
        yield Command(where=block.where, text=text, code=int(code[1]) if code else 0, output=output.rstrip("\n"))


def matches(shown: str, output: str) -> bool:
    """Whether an output is the one that is shown, blanks at the ends of lines aside."""
    lines = [line.rstrip() for line in shown.splitlines()]
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else _line(line) + r"\n" for line in lines)
    actual = "".join(f"{line.rstrip()}\n" for line in output.rstrip("\n").splitlines())
    return re.fullmatch(pattern, actual) is not None


def _line(shown: str) -> str:
    return ".*".join(map(re.escape, shown.split("...")))


# policies


_ROUTE = re.compile(r"(?P<prefix>\S+) *(?P<attributes>[^>]*?) *-> (?P<answer>.*)")


def wrong_routes(block: Block, policy: Policy) -> list[str]:
    """The lines of a `routes` block that a policy does not bear out, as they should be.

    A line is `prefix attribute value, attribute value -> rejected`, or `-> accepted`, then what changed.
    """
    wrong = []
    for line in block.text.splitlines():
        shown = _ROUTE.fullmatch(line)
        assert shown, f"{block.where}: {line!r} shows no route"
        answer = _answer(policy, _route(shown["prefix"], shown["attributes"]))
        if answer != shown["answer"]:
            wrong.append(f"{shown['prefix']} {shown['attributes']} -> {answer}")
    return wrong


def _route(prefix: str, attributes: str) -> Route:
    given = dict(one.split(" ", 1) for one in attributes.split(", ") if one)
    network = parse_prefix(prefix)
    number = {name: int(given.pop(name)) for name in ("local_pref", "multi_exit_disc") if name in given}
    route = Route(
        prefix=network,
        next_hop=ip_address("172.16.0.2" if network.version == 4 else "2001:db8:ffff::2"),
        origin=Origin(given.pop("origin", "igp")),
        as_path=AsPath.parse(given.pop("as_path", "")),
        local_pref=number.get("local_pref"),
        multi_exit_disc=number.get("multi_exit_disc"),
        communities=tuple(map(parse_community, given.pop("communities", "").split())),
        large_communities=tuple(map(parse_large_community, given.pop("large_communities", "").split())),
    )
    assert not given, f"unknown attributes {given}"
    return route


def _answer(policy: Policy, before: Route) -> str:
    after = evaluate(policy, before).route
    if after is None:
        return "rejected"
    changes = evaluate(policy, before).steps
    names = dict.fromkeys(change.attribute for step in changes for change in step.changes)
    return ", ".join(["accepted", *(f"{name} {text_of(after, name) or 'none'}" for name in names)])
