"""How one value of a file is read: a text or a plain number becomes a value of the domain, or a `Wrong` that says why.

`Scalar` hands such a reader to pydantic, together with the JSON Schema that editors complete from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from ipaddress import ip_address
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import core_schema

from lab.bgp import AsPath, Prefix, parse_asn, parse_prefix
from lab.expressroute import rules
from lab.expressroute.communities import REGION_NAMES
from lab.expressroute.dscp import DSCP_OF, parse_dscp
from lab.expressroute.facts import BANDWIDTHS_MBPS, HOLD_TIMES_S
from lab.policy import PrefixRange
from lab.topology import Secret

if TYPE_CHECKING:
    from lab.bgp import Address, Asn

Choice = TypeVar("Choice", bound=Enum)

LONGEST_TEXT = 1000
LONGEST_NUMBER = 18
MOST_NAMES_SHOWN = 20
MOST_NAMES_COMPARED = 200

RESERVED = re.compile(r"gw|msee[12]|lan-.*")
"""The names of the lab's own nodes."""

NOT_BUILT = "not built yet"


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


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """What stands in one place of a file: how it is read, and how its JSON Schema says so."""

    read: Callable[[Any], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> core_schema.CoreSchema:
        """Pydantic's way to call `read`."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> dict[str, Any]:
        """Pydantic's way to ask for the JSON Schema."""
        return dict(self.schema)


def did_you_mean(name: str, known: Collection[str], what: str) -> str:
    """The nearest of the known names, and all of them."""
    near = get_close_matches(name[:100], list(islice(known, MOST_NAMES_COMPARED)), n=1)
    shown = ", ".join(islice(known, MOST_NAMES_SHOWN))
    more = len(known) - MOST_NAMES_SHOWN
    names = f"known {what}: {shown or 'none'}{f' and {more} more' if more > 0 else ''}"
    return f"did you mean {near[0]!r}? {names}" if near else names


def text(value: object) -> str:
    """One value as the text that stands in the file."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise Wrong(f"has {len(value)} characters", f"at most {LONGEST_TEXT}")
    if isinstance(value, str | int):
        return str(value)
    raise Wrong(f"must be one value, not {kind(value)}")


def kind(value: object) -> str:
    """What a value is, in a word."""
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else "a single value"


def _shown(value: object) -> str:
    words = repr(value) if isinstance(value, str) else str(value)
    return words if len(words) <= 60 else f"{words[:57]}..."


# kinds of scalars


def _schema(kinds: str | list[str], **more: object) -> dict[str, Any]:
    return {"type": kinds, **more}


_TEXT_OR_NUMBER = ["string", "integer"]


def parsed(read: Callable[[str], object], *, numeric: bool = False, **schema: object) -> Scalar:
    """A text that a function of the domain reads."""
    return Scalar(lambda value: read(text(value)), _schema(_TEXT_OR_NUMBER if numeric else "string", **schema))


def whole(low: int, high: int) -> Scalar:
    """A whole number in decimal digits and without quotes."""

    def read(value: object) -> int:
        number = plain_number(value)
        if not low <= number <= high:
            raise Wrong(f"{_shown(number)} is out of range", f"from {low} to {high}")
        return number

    return Scalar(read, _schema("integer", minimum=low, maximum=high))


def plain_number(value: object) -> int:
    """A number that the file writes plainly."""
    if isinstance(value, int):
        return value
    shown = _shown(text(value))
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        if len(value) > LONGEST_NUMBER:
            raise Wrong(f"{shown} is too large a number")
        raise Wrong(f"{shown} is not a plain number", "write decimal digits without quotes and without leading zeros")
    raise Wrong(f"{shown} is not a whole number")


def choice(members: type[Choice], what: str) -> Scalar:
    """One of the values of an enumeration."""
    by_name = {str(member.value): member for member in members}

    def read(value: object) -> Choice:
        name = text(value)
        if name not in by_name:
            raise Wrong(f"unknown {what} {_shown(name)}", did_you_mean(name, list(by_name), "values"))
        return by_name[name]

    return Scalar(read, {"enum": list(by_name)})


def name_of(what: str, pattern: str, words: str, *, not_reserved: bool = False) -> Scalar:
    """A name of something that the file introduces."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: object) -> str:
        name = text(value)
        if not compiled.fullmatch(name):
            raise Wrong(f"{_shown(name)} is no {what} name", words)
        if not_reserved and RESERVED.fullmatch(name):
            raise Wrong(
                f"the name {name!r} is the lab's own", "gw, msee1, msee2 and lan-... are Microsoft's nodes and LANs"
            )
        return name

    return Scalar(read, _schema("string", pattern=f"^{pattern}$"))


# what the domain reads


def _customer_asn(value: object) -> Asn:
    if isinstance(value, int):
        finding = rules.customer_asn(value)
        if finding:
            raise Wrong.by(finding)
    asn = parse_asn(text(value))
    finding = rules.customer_asn(asn)
    if finding:
        raise Wrong.by(finding)
    return asn


def _vlan_id(value: object) -> int:
    tag = plain_number(value)
    finding = rules.vlan_id(tag)
    if finding:
        raise Wrong.by(finding)
    return tag


def _md5(value: object) -> Secret:
    """An MD5 key. No mistake shows it."""
    if not isinstance(value, str | int):
        raise Wrong("must be one text")
    finding = rules.md5_key(str(value))
    if finding:
        raise Wrong.by(finding)
    return Secret(str(value))


def _link_block(value: str) -> Prefix:
    prefix = usable_prefix(value)
    finding = rules.link_block(prefix)
    if finding:
        raise Wrong.by(finding)
    return prefix


def usable_prefix(value: str) -> Prefix:
    """A prefix whose addresses hosts can have."""
    prefix = parse_prefix(value)
    first, last = prefix.network_address, prefix.broadcast_address
    if (
        prefix.prefixlen == 0
        or any(a.is_multicast or a.is_loopback or a.is_link_local for a in (first, last))
        or (prefix.version == 4 and (first.packed[0] == 0 or last.packed[0] >= 224))
        or (prefix.version == 6 and int(first) >> 120 == 0)
    ):
        raise Wrong(f"{value} holds addresses that no host can have", "write a private or public unicast network")
    return prefix


def _bandwidth(value: str) -> int:
    finding = rules.bandwidth(value)
    if finding:
        raise Wrong.by(finding)
    return BANDWIDTHS_MBPS[value]


_SECONDS = re.compile(r"(0|[1-9][0-9]{0,5}) ?s", re.ASCII)


def _hold_time(value: str) -> int:
    found = _SECONDS.fullmatch(value)
    if not found:
        raise Wrong(f"{_shown(value)} is not a time in seconds", "write the unit too, such as 180 s")
    seconds = int(found[1])
    finding = rules.hold_time(seconds)
    if finding:
        raise Wrong.by(finding)
    return seconds


def _vnet_community(value: str) -> str:
    finding = rules.vnet_community(value)
    if finding:
        raise Wrong.by(finding)
    asn, _, number = value.partition(":")
    return f"{int(asn)}:{int(number)}"


def _region(value: str) -> str:
    finding = rules.region(value)
    if finding:
        near = get_close_matches(value[:100].title(), REGION_NAMES, n=3)
        meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise Wrong(
            f"{finding.rule.id}: {finding.what}", f"{meant}a region's name as in 'West Europe' ({finding.hint})"
        )
    return value


def _service(value: str) -> str:
    if value == "layer2":
        return value
    if value == "layer3":
        raise Wrong(f"layer3 is {NOT_BUILT}", "this version runs layer2")
    raise Wrong(f"unknown service {_shown(value)}", "this version runs layer2")


def _connectivity_model(value: str) -> str:
    models = ["cloud_exchange", "point_to_point_ethernet", "any_to_any_ipvpn", "direct"]
    if value == "point_to_point_ethernet":
        return value
    if value in models:
        raise Wrong(f"{value} is {NOT_BUILT}", "this version runs point_to_point_ethernet")
    raise Wrong(f"unknown connectivity model {_shown(value)}", did_you_mean(value, models, "models"))


_RANGE = re.compile(r"(\S+)(?:\s+ge\s+([0-9]{1,3}))?(?:\s+le\s+([0-9]{1,3}))?", re.ASCII)


def _prefix_range(value: str) -> PrefixRange:
    words = value.strip()
    longer = words.endswith(" orlonger")
    found = _RANGE.fullmatch(words.removesuffix(" orlonger").strip())
    if not found or (longer and (found[2] or found[3])):
        meant = "write a prefix, alone or with 'ge 16', 'le 24', 'ge 16 le 24' or 'orlonger' behind it"
        raise Wrong(f"{_shown(value)} is not a prefix range", meant)
    prefix = parse_prefix(found[1])
    at_least = int(found[2] or prefix.prefixlen)
    at_most = int(found[3] or (prefix.max_prefixlen if longer or found[2] else prefix.prefixlen))
    if not prefix.prefixlen <= at_least <= at_most <= prefix.max_prefixlen:
        limits = f"{prefix.prefixlen} <= ge <= le <= {prefix.max_prefixlen}"
        raise Wrong(f"the lengths of {_shown(value)} are impossible", f"for this prefix {limits}")
    return PrefixRange(prefix=prefix, at_least=at_least, at_most=at_most)


def _between(value: str) -> tuple[str, str]:
    one, dash, other = (part.strip() for part in value.partition(" - "))
    if not (dash and one and other) or " " in one + other:
        raise Wrong(f"{_shown(value)} does not name two routers", "write them with a dash between spaces: ce1 - msee1")
    return one, other


def _next_hop(value: object) -> str:
    """Addresses or router names: one, or, of routes that share the load, several."""
    words = [text(one) for one in value] if isinstance(value, list) else text(value).split()
    if not words:
        raise Wrong("is empty", "write an address or the name of a router")
    return " ".join(words)


def as_address(value: str) -> Address | None:
    """An address, None where the text is none."""
    try:
        return ip_address(value)
    except ValueError:
        return None


def _address(value: str) -> Address:
    address = as_address(value)
    if address is None or "%" in value:
        raise Wrong(f"{_shown(value)} is not an address")
    return address


def _as_path(value: str) -> str:
    try:
        return str(AsPath.parse(value))
    except ValueError:
        raise Wrong(f"{_shown(value)} is not an AS path", "AS numbers, newest first, such as '12076 65010'") from None


AS_NUMBER = parsed(parse_asn, numeric=True, pattern=r"^[0-9]+(\.[0-9]+)?$")
CUSTOMER_ASN = Scalar(_customer_asn, AS_NUMBER.schema)
VLAN_ID = Scalar(_vlan_id, _schema("integer", minimum=1, maximum=4094))
MD5_KEY = Scalar(_md5, _schema(_TEXT_OR_NUMBER, pattern="^[A-Za-z0-9]{1,25}$"))
LINK_BLOCK = parsed(_link_block)
HOST_PREFIX = parsed(usable_prefix)
ANY_PREFIX = parsed(parse_prefix)
ADDRESS = parsed(_address)
BANDWIDTH = parsed(_bandwidth, enum=list(BANDWIDTHS_MBPS))
HOLD_TIME = parsed(_hold_time, pattern="^[0-9]+ ?s$", examples=[f"{HOLD_TIMES_S[-1]} s"])
VNET_COMMUNITY = parsed(_vnet_community, pattern="^12076:[0-9]+$")
REGION = parsed(_region, enum=list(REGION_NAMES))
SERVICE = parsed(_service, enum=["layer2"])
CONNECTIVITY_MODEL = parsed(_connectivity_model, enum=["point_to_point_ethernet"])
PREFIX_RANGE = parsed(_prefix_range, examples=["10.0.0.0/8 ge 16 le 24", "10.0.0.0/8 orlonger"])
BETWEEN = parsed(_between, examples=["ce1 - msee1"])
NEXT_HOP = Scalar(_next_hop, _schema(["string", "array"], items={"type": "string"}))
DSCP = parsed(parse_dscp, numeric=True, examples=["default", *DSCP_OF])
AS_PATH = parsed(_as_path, numeric=True, examples=["12076 65010", ""])
