"""What values mean that somebody else wrote, and what is wrong with them, in words."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from ipaddress import IPv4Address, ip_address
from itertools import islice

from lab.bgp import Address
from lab.expressroute import rules

MOST_NAMES_SHOWN = 20
MOST_NAMES_COMPARED = 200


class Wrong(ValueError):  # noqa: N818  # raised as `Wrong("what", "meant")`, it reads as a sentence
    """A value is wrong; `meant` says what would be right."""

    def __init__(self, what: str, meant: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meant = meant

    @staticmethod
    def by(finding: rules.Finding) -> Wrong:
        """What a rule of Microsoft's refuses."""
        return Wrong(f"{finding.rule.id}: {finding.what}", finding.hint)


def did_you_mean(name: str, known: Collection[str], what: str) -> str:
    """The nearest of the known names, and all of them."""
    near = get_close_matches(name[:100], list(islice(known, MOST_NAMES_COMPARED)), n=1)
    shown = ", ".join(islice(known, MOST_NAMES_SHOWN))
    more = len(known) - MOST_NAMES_SHOWN
    names = f"known {what}: {shown or 'none'}{f' and {more} more' if more > 0 else ''}"
    return f"did you mean {near[0]!r}? {names}" if near else names


def kind(value: object) -> str:
    """What a value is, in a word."""
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else "a single value"


def shown(value: object) -> str:
    """A value as a mistake shows it: in quotes where it is a text, and not too much of it."""
    words = repr(value) if isinstance(value, str) else str(value)
    return words if len(words) <= 60 else f"{words[:57]}..."


def as_address(value: str) -> Address | None:
    """An address, None where the text is none."""
    try:
        return ip_address(value)
    except ValueError:
        return None


def address(value: str) -> Address:
    """An IPv4 or IPv6 address without a zone."""
    found = as_address(value)
    if found is None or "%" in value:
        raise Wrong(f"{shown(value)} is not an address")
    return found


def router_id(value: str) -> IPv4Address:
    """A BGP identifier, written as an IPv4 address (RFC 4271 §4.2)."""
    found = as_address(value)
    if not isinstance(found, IPv4Address):
        raise Wrong(f"{shown(value)} is not a router id", "write it as an IPv4 address")
    return found
