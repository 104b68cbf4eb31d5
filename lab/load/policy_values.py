"""The values of policy files: numbers and their ranges, members of sets, and what a change may say of an attribute."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from ipaddress import IPv4Address
from typing import TypeVar

from lab.bgp import Address, ExtendedCommunity, is_route_target, parse_extended_community
from lab.bgp import parse_large_community as large_community
from lab.load.scalars import TEXT_OR_NUMBER, Scalar, parsed, plain_number, schema_of, text, within
from lab.load.values import community
from lab.policy import AsPathEntry, CommunityPattern, NextHopRule, NumberChange, NumberRange, Operation, PatternKind
from lab.policy.sets import NUMBER_MAX
from lab.texts import Wrong, as_address, shown
from lab.wire.nlri import is_host

LONGEST_PREPEND = 25
"""AS numbers that one term may put before a path: paths that long are refused or cut by many networks."""

Made = TypeVar("Made", AsPathEntry, CommunityPattern)

# numbers

_RANGE = re.compile(r"(?:(>=|<=)\s*)?([0-9]{1,18})|([0-9]{1,18})\s*-\s*([0-9]{1,18})", re.ASCII)


def number_range(value: str, high: int = NUMBER_MAX) -> NumberRange:
    """The numbers that a condition takes: one, from one on, up to one, or from one to another."""
    found = _RANGE.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is no number and no range of numbers", "write 3, '>= 3', '<= 3' or '2-4'")
    sign, one, low, up_to = found.groups()
    if one is None:
        least, most = (within(int(end), 0, high) for end in (low, up_to))
        if least > most:
            raise Wrong(f"{shown(value)} holds no number", f"write {most}-{least}")
        return NumberRange(low=least, high=most)
    number = within(int(one), 0, high)
    return NumberRange(low=0 if sign == "<=" else number, high=NUMBER_MAX if sign == ">=" else number)


def _ranges(high: int, *, absent: bool = False) -> Scalar:
    def read(value: str) -> NumberRange:
        if absent and value == "absent":
            return NumberRange(absent=True)
        try:
            return number_range(value, high)
        except Wrong as wrong:
            raise Wrong(wrong.what, f"{wrong.meant}, or absent" if absent else wrong.meant) from None

    examples = [200, ">= 3", "<= 3", "2-4", *(["absent"] if absent else [])]
    return parsed(read, numeric=True, minimum=0, maximum=high, examples=examples)


_RELATIVE = re.compile(r"([+-])([0-9]{1,18})", re.ASCII)


def _changes(high: int, *, removable: bool = False) -> Scalar:
    """What happens to a number: `200`, `"+50"`, `"-50"`; YAML hands on -50 as a number, and +50 as a text."""

    def read(value: object) -> NumberChange:
        if removable and value == "none":
            return NumberChange(operation=Operation.REMOVE)
        relative = _RELATIVE.fullmatch(text(value))
        if relative is None:
            try:
                return NumberChange(operation=Operation.SET, value=within(plain_number(value), 0, high))
            except Wrong as wrong:
                meant = wrong.meant or "write 200, '+50' or '-50'"
                raise Wrong(wrong.what, f"{meant}, or none to remove it" if removable else meant) from None
        number = within(int(relative[2]), 1, high)
        return NumberChange(operation=Operation.PLUS if relative[1] == "+" else Operation.MINUS, value=number)

    words = "^[+-][0-9]+$|^none$" if removable else "^[+-][0-9]+$"
    examples = [200, "+50", "-50", *(["none"] if removable else [])]
    return Scalar(read, schema_of(TEXT_OR_NUMBER, minimum=-high, maximum=high, pattern=words, examples=examples))


# members of sets


def as_path_entry(value: str) -> AsPathEntry:
    """A regular expression on the text of the path, or `length` and a number or range."""
    words = value.split(maxsplit=1)
    if words[:1] == ["length"]:
        return AsPathEntry(length=number_range(words[1] if len(words) > 1 else ""))
    if not value:
        raise Wrong("is empty", "write ^$ for the empty path")
    if _LETTER.search(_SIGNS.sub("", value)) or ", " in value:
        near = get_close_matches(words[0].rstrip("<>=0123456789"), ["length"], n=1)
        meant = "did you mean 'length >= 4'?" if near else "AS numbers and Cisco's signs, such as _65001_ or ^12076$"
        raise Wrong(f"{shown(value)} can match no AS path, whose text is digits, blanks, commas and brackets", meant)
    return _read(lambda: AsPathEntry(pattern=value), value)


def _read(make: Callable[[], Made], expression: str) -> Made:
    """What holds a regular expression, or why it holds none."""
    try:
        return make()
    except ValueError as problem:
        meant = "a group is (65001|65002), with nothing behind its bracket" if "(?" in expression else ""
        raise Wrong(str(problem), meant) from None


_SIGNS = re.compile(r"\\[a-zA-Z]|\[:\^?[a-z]+:\]")
"""What stands for kinds of characters: an escape such as \\d, and a POSIX class such as [:digit:]."""
_LETTER = re.compile(r"[a-zA-Z]")


def standard_pattern(value: str) -> CommunityPattern:
    """A standard community, a wildcard or a regular expression."""
    return _pattern(value, community, _standard_wildcard, letters=False)


def large_pattern(value: str) -> CommunityPattern:
    """A large community, a wildcard or a regular expression."""
    return _pattern(value, large_community, _large_wildcard, letters=False)


def extended_pattern(value: str) -> CommunityPattern:
    """An extended community, a wildcard or a regular expression."""
    return _pattern(value, parse_extended_community, _extended_wildcard)


def route_target(value: str) -> ExtendedCommunity:
    """A route target, with or without `target:` before it."""
    whole = value if value.partition(":")[0] in _EXTENDED_KINDS else f"target:{value}"
    try:
        found = parse_extended_community(whole)
    except ValueError:
        found = None
    if found is None or not is_route_target(found):
        raise Wrong(f"{shown(value)} is not a route target", "write asn:value or address:value, such as 65010:100")
    return found


def route_target_pattern(value: str) -> CommunityPattern:
    """A route target, a wildcard, or a regular expression on its whole text, `target:` included."""

    def wildcard(value: str) -> str:
        whole = _extended_wildcard(value if value.count(":") == 2 else f"target:{value}")
        if whole.partition(":")[0] not in ("target", "*"):
            raise Wrong(f"{shown(value)} is no wildcard of a route target", "write it as 65010:* or target:65010:*")
        return whole

    return _pattern(value, route_target, wildcard)


def _pattern(
    value: str, literal: Callable[[str], str], wildcard: Callable[[str], str], *, letters: bool = True
) -> CommunityPattern:
    if value.startswith("/"):
        if len(value) < 3 or not value.endswith("/"):
            raise Wrong(f"{shown(value)} is no regular expression", "write it between two slashes: /^65010:1[0-9]+$/")
        expression = value[1:-1]
        if " " in expression or "_" in expression or (not letters and _LETTER.search(_SIGNS.sub("", expression))):
            meant = "it is asked of each community alone, by its numbers: /^65010:1[0-9]+$/"
            raise Wrong(f"{shown(value)} can match no community", meant)
        return _read(lambda: CommunityPattern(kind=PatternKind.REGULAR_EXPRESSION, text=expression), expression)
    if "*" in value:
        return CommunityPattern(kind=PatternKind.WILDCARD, text=wildcard(value))
    return CommunityPattern(kind=PatternKind.EXACT, text=literal(value))


def _standard_wildcard(value: str) -> str:
    return _numbers_or_stars(value, 2, 0xFFFF, "a community: two parts, such as 65010:*")


def _large_wildcard(value: str) -> str:
    return _numbers_or_stars(value, 3, 0xFFFFFFFF, "a large community: three parts, such as 65010:1:*")


def _numbers_or_stars(value: str, count: int, high: int, form: str) -> str:
    parts = value.split(":")
    if len(parts) != count or not all(part == "*" or _is_number(part, high) for part in parts):
        raise _no_wildcard(value, f"{form}, each a number from 0 to {high} or *")
    return ":".join(part if part == "*" else str(int(part)) for part in parts)


_EXTENDED_KINDS = {"target": "target", "rt": "target", "origin": "origin", "soo": "origin", "*": "*"}


def _extended_wildcard(value: str) -> str:
    kind, _, rest = value.partition(":")
    administrator, _, number = rest.rpartition(":")
    canonical = _administrator(administrator)
    if kind not in _EXTENDED_KINDS or canonical is None or not (number == "*" or _is_number(number, 0xFFFFFFFF)):
        form = "an extended community: target or origin, an AS or an address, and a number, with * for any of them"
        raise _no_wildcard(value, f"{form}, such as target:65010:*")
    return f"{_EXTENDED_KINDS[kind]}:{canonical}:{number if number == '*' else int(number)}"


def _administrator(value: str) -> str | None:
    """The canonical text of who administers an extended community; None where it is nobody."""
    if value == "*":
        return value
    if isinstance(found := as_address(value), IPv4Address):
        return str(found)
    digits = value.removesuffix("L")
    if not _is_number(digits, 0xFFFFFFFF):
        return None
    return f"{int(digits)}L" if value != digits and int(digits) <= 0xFFFF else str(int(digits))


def _is_number(value: str, high: int) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= 10 and int(value) <= high


def _no_wildcard(value: str, form: str) -> Wrong:
    return Wrong(f"{shown(value)} is no wildcard of {form}", "where * is to stand for a part of a number, write /.../")


# single values


def neighbor(value: str) -> str:
    """A router's name, or the address that it has on the session."""
    found = as_address(value)
    if found is not None:
        return str(found)
    if not re.fullmatch("[a-z][a-z0-9-]{0,11}", value, re.ASCII):
        raise Wrong(f"{shown(value)} is no router's name and no address", "write it as msee1 or 172.16.0.2")
    return value


def next_hop(value: str) -> Address | NextHopRule:
    """A next hop that a term sets."""
    rules = {rule.value: rule for rule in NextHopRule}
    if value in rules:
        return rules[value]
    found = as_address(value)
    if found is None or "%" in value:
        raise Wrong(f"{shown(value)} is no next hop", "write self, unchanged or an address")
    if not is_host(found):  # its receivers would treat the route as withdrawn
        raise Wrong(f"no router has the address {found}", "write self, unchanged or a router's address")
    return found


def _vrf(value: str) -> str:
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", value, re.ASCII):
        raise Wrong(f"{shown(value)} is no VRF name", "letters, digits, '_', '.' and '-', 32 at most")
    return value


NUMBER = _ranges(NUMBER_MAX)
NUMBER_OR_ABSENT = _ranges(NUMBER_MAX, absent=True)
WEIGHT = _ranges(0xFFFF)
NUMBER_CHANGE = _changes(NUMBER_MAX)
REMOVABLE_CHANGE = _changes(NUMBER_MAX, removable=True)
WEIGHT_CHANGE = _changes(0xFFFF)
AS_PATH_ENTRY = parsed(as_path_entry, numeric=True, examples=["^12076$", "_65001_", "length >= 3"])
STANDARD_PATTERN = parsed(standard_pattern, definition="community-pattern")
LARGE_PATTERN = parsed(large_pattern, examples=["65010:1:2", "65010:1:*", "/^65010:/"])
EXTENDED_PATTERN = parsed(extended_pattern, examples=["target:65010:100", "target:65010:*", "/^origin:/"])
ROUTE_TARGET = parsed(route_target, examples=["65010:100", "192.0.2.1:5"])
NEIGHBOR = parsed(neighbor, examples=["msee1", "172.16.0.2"])
NEXT_HOP = parsed(next_hop, examples=["self", "unchanged", "172.16.0.2"])
VRF = parsed(_vrf, numeric=True, examples=["branch"])
