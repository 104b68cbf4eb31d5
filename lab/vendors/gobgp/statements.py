"""GoBGP's policy language, as a value and as TOML: sets, and statements of conditions, changes and a fate.

What it means is told by its documents policy.md and configuration.md and, in detail, by internal/pkg/table/policy.go,
all of GoBGP 3.10.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

Line = tuple[str, str]
"""A key of TOML and its value, both as they are written."""


class Kind(Enum):
    """What a condition asks about. A statement has one condition of a kind at most."""

    PREFIX = "prefix"
    AS_PATH = "as-path"
    COMMUNITY = "community"
    EXTENDED_COMMUNITY = "ext-community"
    LARGE_COMMUNITY = "large-community"
    AS_PATH_LENGTH = "as-path-length"
    NEXT_HOP = "next-hop"
    ROUTE_TYPE = "route-type"


class Option(Enum):
    """How many members of its set a condition asks for."""

    ANY = "any"
    ALL = "all"
    INVERT = "invert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """One condition: `members` are those of its set, called `name`, or the words of a condition that has no set."""

    kind: Kind
    members: tuple[str, ...]
    name: str = ""
    option: Option = Option.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Does:
    """One change, of the attribute that conditions of `kind` ask about; None where none can ask about it."""

    kind: Kind | None
    lines: tuple[Line, ...]
    attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Conditions that must all hold, changes, and `accept-route`, `reject-route`, or empty for the next statement."""

    name: str
    asks: tuple[Asks, ...] = ()
    does: tuple[Does, ...] = ()
    disposition: str = ""


def text(value: str) -> str:
    """A string of TOML, whose escapes are those of JSON."""
    return json.dumps(value)


def texts(values: tuple[str, ...]) -> str:
    """An array of strings."""
    return f"[{', '.join(map(text, values))}]"


def set_communities(kind: Kind, operation: str, communities: tuple[str, ...]) -> Does:
    """A change of communities: `operation` is add, remove or replace."""
    lines = ((f"set-{kind.value}", f"{{options = {text(operation)}, {_method(kind)} = {texts(communities)}}}"),)
    return Does(kind=kind, lines=lines, attribute=kind.value)


def _method(kind: Kind) -> str:
    return f"set-{kind.value}-method.communities-list"


def prepend(asn: str, times: int) -> Does:
    """Put an AS number before the path, or, as `last-as`, its newest one."""
    value = f"{{as = {text(asn)}, repeat-n = {times}}}"
    return Does(kind=Kind.AS_PATH, lines=(("set-as-path-prepend", value),), attribute="as-path")


def set_number(key: str, value: str) -> Does:
    """A change of the MED or the local preference, of which no condition asks."""
    return Does(kind=None, lines=((key, value),), attribute=key)


def set_next_hop(value: str) -> Does:
    """A change of the next hop."""
    return Does(kind=Kind.NEXT_HOP, lines=(("set-next-hop", text(value)),), attribute="next-hop")


class Sets:
    """The defined sets of a configuration: those with the same members are written once."""

    def __init__(self) -> None:
        self._names: dict[tuple[Kind, tuple[str, ...]], str] = {}

    def name(self, asks: Asks) -> str:
        """The name of the set of a condition."""
        key = (asks.kind, asks.members)
        if key not in self._names:
            taken = {name for (kind, _), name in self._names.items() if kind is asks.kind}
            numbered = (f"{asks.name}-{number}" for number in range(2, len(taken) + 3))
            self._names[key] = next(name for name in (asks.name, *numbered) if name not in taken)
        return self._names[key]

    def lines(self) -> Iterator[str]:
        """TOML."""
        for (kind, members), name in self._names.items():
            where = "defined-sets" if kind is Kind.PREFIX else "defined-sets.bgp-defined-sets"
            yield f"\n[[{where}.{kind.value}-sets]]"
            yield f"{kind.value}-set-name = {text(name)}"
            if kind is not Kind.PREFIX:
                yield f"{kind.value}-list = {texts(members)}"
                continue
            yield "prefix-list = ["
            for prefix, lengths in (member.split(" ") for member in members):
                yield f"  {{ip-prefix = {text(prefix)}, masklength-range = {text(lengths)}}},"
            yield "]"


def statement_lines(statement: Statement, name: str, neighbor_set: str, sets: Sets) -> Iterator[str]:
    """TOML of a statement that is asked of the routes of one session, whose neighbour is the only one of its set.

    The name is the only one in the configuration.
    """
    yield "\n[[policy-definitions.statements]]"
    yield f"name = {text(name)}"
    yield f"conditions.match-neighbor-set.neighbor-set = {text(neighbor_set)}"
    for asks in statement.asks:
        yield f"conditions.{_condition(asks, sets)}"
    for does in statement.does:
        yield from (f"actions.bgp-actions.{key} = {value}" for key, value in does.lines)
    if statement.disposition:
        yield f"actions.route-disposition = {text(statement.disposition)}"


def _condition(asks: Asks, sets: Sets) -> str:
    match asks.kind:
        case Kind.AS_PATH_LENGTH:
            operator, value = asks.members
            return f"bgp-conditions.as-path-length = {{operator = {text(operator)}, value = {value}}}"
        case Kind.NEXT_HOP:
            return f"bgp-conditions.next-hop-in-list = {texts(asks.members)}"
        case Kind.ROUTE_TYPE:
            return f"bgp-conditions.route-type = {text(asks.members[0])}"
        case Kind.PREFIX | Kind.AS_PATH | Kind.COMMUNITY | Kind.EXTENDED_COMMUNITY | Kind.LARGE_COMMUNITY:
            where = "" if asks.kind is Kind.PREFIX else "bgp-conditions."
            of = f"{asks.kind.value}-set = {text(sets.name(asks))}"
            return f"{where}match-{asks.kind.value}-set = {{{of}, match-set-options = {text(asks.option.value)}}}"
