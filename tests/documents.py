"""Markdown documents whose examples run: their blocks, the commands of a session, and what may vary in an output.

A block of the language `console` is a session: `$ ` starts a command, a line `# exit 1` right below it is its exit code
(0 if there is none), and the rest is its output, stderr included. In that, a line `...` stands for any lines, and `...`
inside a line for any text. A `yaml` block has a comment above it that says which file it is, or is a part of:
`<!-- file: name.yaml -->`, `<!-- part of: topologies/name.yaml -->`. `routes` shows what the first policy of the file
above it does, or, with names behind that word, what the chain of these policies does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from markdown_it import MarkdownIt

from lab.bgp import (
    ATTRIBUTES,
    Aggregator,
    AsPath,
    Origin,
    Route,
    RouteSource,
    UnknownAttribute,
    parse_asn,
    parse_extended_community,
    parse_large_community,
    parse_prefix,
    text_of,
    title_of,
)
from lab.load.values import community
from lab.policy import Context, Policy, compiled, evaluate

TOP = Path(__file__).parents[1]
DOCUMENTS = (
    TOP / "README.md",
    *sorted(one for one in (TOP / "docs").rglob("*.md") if (TOP / "docs" / "decisions") not in one.parents),
)
"""Every document whose examples run; decisions tell of the day on which they were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. `place` and `name` are what the comment above it says, such as `file` and `my.yaml`.

    `words` stand behind its language.
    """

    where: str
    language: str
    text: str
    words: tuple[str, ...] = ()
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
            language, *words = token.info.split() or [""]
            yield Block(where=where, language=language, text=token.content, words=tuple(words), place=place, name=file)
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


def wrong_routes(block: Block, policies: Sequence[Policy]) -> list[str]:
    """The lines of a `routes` block that the policies of a file do not bear out, as they should be.

    A line is `prefix attribute value, attribute value -> rejected`, or `-> accepted`, then what changed. Attributes are
    those of a route, and what a policy knows of its session: `neighbor`, `peer_address`, `own_asn`, `own_address`.
    """
    by_name = {policy.name: policy for policy in policies}
    chain = [by_name[name] for name in block.words] or [policies[0]]
    wrong = []
    for line in block.text.splitlines():
        shown = _ROUTE.fullmatch(line)
        assert shown, f"{block.where}: {line!r} shows no route"
        route, context = _route(shown["prefix"], shown["attributes"])
        answer = _answer(chain, route, context)
        if answer != shown["answer"]:
            wrong.append(f"{shown['prefix']} {shown['attributes']} -> {answer}")
    return wrong


def _each(read: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: tuple(map(read, text.split()))


def _aggregator(text: str) -> Aggregator:
    asn, _, router_id = text.partition(":")
    return Aggregator(parse_asn(asn), IPv4Address(router_id))


def _unknown(text: str) -> UnknownAttribute:
    code, _, value = text.partition(":")
    return UnknownAttribute(int(code), value)


_READ: Mapping[str, Callable[[str], object]] = {
    "next_hop": ip_address,
    "origin": Origin,
    "as_path": AsPath.parse,
    "local_pref": int,
    "med": int,
    "communities": _each(community),
    "large_communities": _each(parse_large_community),
    "extended_communities": _each(parse_extended_community),
    "atomic_aggregate": lambda text: text == "set",
    "aggregator": _aggregator,
    "originator_id": IPv4Address,
    "cluster_list": _each(IPv4Address),
    "unknown": _each(_unknown),
    "weight": int,
    "source": RouteSource,
    "vrf": str,
    "neighbor": str,
    "peer_address": ip_address,
    "own_asn": parse_asn,
    "own_address": ip_address,
}


def _route(prefix: str, attributes: str) -> tuple[Route, Context]:
    network = parse_prefix(prefix)
    given = [one.split(" ", 1) for one in attributes.split(", ") if one]
    values: dict[str, object] = {name: _READ[name](text) for name, text in given}
    values.setdefault("next_hop", ip_address("172.16.0.2" if network.version == 4 else "2001:db8:ffff::2"))
    fields = {title_of(name): name for name in ATTRIBUTES}
    of_route = {fields[name]: value for name, value in values.items() if name in fields}
    of_session = {name: value for name, value in values.items() if name not in fields}
    return Route(prefix=network, **of_route), Context(**of_session)  # type: ignore[arg-type]  # _READ gives their types


def _answer(chain: Sequence[Policy], before: Route, context: Context) -> str:
    outcome = evaluate(chain, before, context)
    fast, _ = compiled(chain)(before, context)
    assert fast == outcome.route, "the fast form and the traced one differ"
    if outcome.route is None:
        return "rejected"
    names = dict.fromkeys(change.attribute for step in outcome.steps for change in step.changes)
    return ", ".join(["accepted", *(f"{title_of(name)} {text_of(outcome.route, name) or 'none'}" for name in names)])
