"""The values of topology files, and those that policy files have in common with them and with the command line.

Each function here reads one text and raises ValueError, mostly a `Wrong`, where it is none of its kind.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from lab.bgp import (
    WELL_KNOWN,
    Aggregator,
    AsPath,
    Community,
    Prefix,
    parse_asn,
    parse_community,
    parse_extended_community,
    parse_large_community,
    parse_prefix,
)
from lab.expressroute import rules
from lab.expressroute.communities import REGION_NAMES
from lab.expressroute.community_names import COMMUNITY_NAMES
from lab.expressroute.dscp import DSCP_OF, parse_dscp
from lab.expressroute.facts import BANDWIDTHS_MBPS, DIRECT_BANDWIDTHS_MBPS, HOLD_TIMES_S, MICROSOFT_BFD_INTERVAL_MS
from lab.load.durations import PATTERN, whole_ms, whole_s
from lab.load.scalars import NAME, TEXT_OR_NUMBER, Scalar, parsed, plain_number, schema_of, text, within
from lab.packets import PortRange
from lab.policy import PrefixRange
from lab.secret import Secret
from lab.texts import Wrong, address, router_id, shown

if TYPE_CHECKING:
    from lab.bgp import Asn

COMMUNITY_FORMS = "write asn:value, no-export or another well-known name, or a name such as westeurope.private"


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


def routed_prefix(value: str) -> Prefix:
    """A prefix that a router may announce: one that hosts can have, or the default route."""
    return parse_prefix(value) if value in ("0.0.0.0/0", "::/0") else usable_prefix(value)


_ALL_BANDWIDTHS_MBPS = {**BANDWIDTHS_MBPS, **DIRECT_BANDWIDTHS_MBPS}
"""Which of them a circuit can have hangs on its connectivity model."""


def _bandwidth(value: str) -> int:
    if value not in _ALL_BANDWIDTHS_MBPS:
        finding = rules.bandwidth(value)
        raise Wrong.by(finding) if finding else Wrong(f"{shown(value)} is no bandwidth")
    return _ALL_BANDWIDTHS_MBPS[value]


def _restart(value: str) -> int | None:
    """How long a session that had too many prefixes stays down: None for ever."""
    return None if value == "never" else whole_s(value, 1, 86400, "60 s, or never")


_PERCENT = re.compile(r"([1-9][0-9]{0,2}) ?%", re.ASCII)


def _percent(value: str) -> int:
    found = _PERCENT.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is not a part of the limit", "write it in percent, such as 75 %")
    return within(int(found[1]), 1, 100)


_LONGEST_S = 999_999


def _hold_time(value: str) -> int:
    seconds = whole_s(value, 0, _LONGEST_S, "180 s")
    finding = rules.hold_time(seconds)
    if finding:
        raise Wrong.by(finding)
    return seconds


_PORTS = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?", re.ASCII)


def _ports(value: str) -> PortRange:
    """A port, or two with a dash between them."""
    found = _PORTS.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is neither a port nor a range", "write 3478, or 3478-3481")
    first, last = (within(int(port), 1, 65535) for port in (found[1], found[2] or found[1]))
    if last < first:
        raise Wrong(f"the range {value} ends before it begins", f"write {last}-{first}")
    return PortRange(first=first, last=last)


def _bfd_interval(value: str) -> int:
    interval_ms = whole_ms(value, 1, 60000)
    finding = rules.bfd_interval(interval_ms)
    if finding:
        raise Wrong.by(finding)
    return interval_ms


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
    if value in ("layer2", "layer3"):
        return value
    raise Wrong(f"unknown service {shown(value)}", "layer2: the provider carries frames; layer3: it routes")


_RANGE = re.compile(r"(\S+)(?:\s+ge\s+([0-9]{1,3}))?(?:\s+le\s+([0-9]{1,3}))?", re.ASCII)


def prefix_range(value: str) -> PrefixRange:
    """A prefix, alone or with lengths behind it."""
    words = value.strip()
    if words in ("any", "all"):
        raise Wrong(f"{shown(value)} is not a prefix range", "every prefix is in 0.0.0.0/0 orlonger or ::/0 orlonger")
    longer = words.endswith(" orlonger")
    found = _RANGE.fullmatch(words.removesuffix(" orlonger").strip())
    if not found or (longer and (found[2] or found[3])):
        meant = "write a prefix, alone or with 'ge 16', 'le 24', 'ge 16 le 24' or 'orlonger' behind it"
        raise Wrong(f"{shown(value)} is not a prefix range", meant)
    prefix = parse_prefix(found[1])
    at_least = int(found[2] or prefix.prefixlen)
    at_most = int(found[3] or (prefix.max_prefixlen if longer or found[2] else prefix.prefixlen))
    if not prefix.prefixlen <= at_least <= at_most <= prefix.max_prefixlen:
        limits = f"{prefix.prefixlen} <= ge <= le <= {prefix.max_prefixlen}"
        raise Wrong(f"the lengths of {shown(value)} are impossible", f"for this prefix {limits}")
    return PrefixRange(prefix=prefix, at_least=at_least, at_most=at_most)


def between(value: str) -> tuple[str, str]:
    """Two routers."""
    one, dash, other = (part.strip() for part in value.partition(" - "))
    if not (dash and one and other) or " " in one + other:
        raise Wrong(f"{shown(value)} does not name two routers", "write them with a dash between spaces: ce1 - msee1")
    return one, other


def _next_hop(value: object) -> str:
    """Addresses or router names: one, or, of routes that share the load, several."""
    words = [text(one) for one in value] if isinstance(value, list) else text(value).split()
    if not words:
        raise Wrong("is empty", "write an address or the name of a router")
    return " ".join(words)


def _aggregator(value: str) -> str:
    asn, colon, router = value.partition(":")
    if not colon:
        raise Wrong(f"{shown(value)} names no aggregator", "write its AS and its router id: 65010:10.0.0.1")
    return str(Aggregator(parse_asn(asn), router_id(router)))


def as_path(value: str) -> AsPath:
    """A whole AS path, newest first; the empty one where there is no text."""
    try:
        return AsPath.parse(value)
    except ValueError:
        raise Wrong(f"{shown(value)} is not an AS path", "AS numbers, newest first, such as '12076 65010'") from None


def prefix(value: str) -> Prefix:
    """A prefix without host bits."""
    return parse_prefix(value)


def community(value: str) -> Community:
    """A standard community: asn:value, a well-known name, or the name of one that Microsoft sets."""
    if value in COMMUNITY_NAMES:
        return COMMUNITY_NAMES[value]
    if value in WELL_KNOWN or not NAME.fullmatch(value):
        return parse_community(value)
    near = get_close_matches(value, [*WELL_KNOWN, *COMMUNITY_NAMES], n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise Wrong(f"unknown community {shown(value)}", f"{meant}{COMMUNITY_FORMS}")


AS_NUMBER = parsed(parse_asn, numeric=True, pattern=r"^[0-9]+(\.[0-9]+)?$")
CUSTOMER_ASN = Scalar(_customer_asn, AS_NUMBER.schema)
VLAN_ID = Scalar(_vlan_id, schema_of("integer", minimum=1, maximum=4094))
MD5_KEY = Scalar(_md5, schema_of(TEXT_OR_NUMBER, pattern="^[A-Za-z0-9]{1,25}$"))
LINK_BLOCK = parsed(_link_block)
HOST_PREFIX = parsed(usable_prefix)
ROUTED_PREFIX = parsed(routed_prefix)
ANY_PREFIX = parsed(parse_prefix)
ADDRESS = parsed(address)
BANDWIDTH = parsed(_bandwidth, enum=list(_ALL_BANDWIDTHS_MBPS))
HOLD_TIME = parsed(_hold_time, pattern=PATTERN, examples=[f"{HOLD_TIMES_S[-1]} s"])
BFD_INTERVAL = parsed(_bfd_interval, pattern=PATTERN, examples=[f"{MICROSOFT_BFD_INTERVAL_MS} ms"])
RESTART = parsed(_restart, pattern=r"^([0-9.]+ ?m?s|never)$", examples=["60 s", "never"])
PERCENT = parsed(_percent, pattern="^[0-9]+ ?%$", examples=["75 %"])
COMMUNITY = parsed(community, definition="community")
LARGE_COMMUNITY = parsed(parse_large_community, pattern="^[0-9]+:[0-9]+:[0-9]+$", examples=["65010:1:2"])
EXTENDED_COMMUNITY = parsed(parse_extended_community, examples=["target:65010:100", "origin:192.0.2.1:5"])
ROUTER_ID = parsed(router_id)
AGGREGATOR = parsed(_aggregator, examples=["65010:10.0.0.1"])
VNET_COMMUNITY = parsed(_vnet_community, pattern="^12076:[0-9]+$")
REGION = parsed(_region, enum=list(REGION_NAMES))
SERVICE = parsed(_service, enum=["layer2", "layer3"])
PREFIX_RANGE = parsed(prefix_range, examples=["10.0.0.0/8 ge 16 le 24", "10.0.0.0/8 orlonger"])
BETWEEN = parsed(between, examples=["ce1 - msee1"])
NEXT_HOP = Scalar(_next_hop, schema_of(["string", "array"], items={"type": "string"}))
PORTS = parsed(_ports, numeric=True, examples=["3478-3481", "443"])
DSCP = parsed(parse_dscp, numeric=True, examples=["default", *DSCP_OF])
AS_PATH = parsed(as_path, numeric=True, examples=["65010 65020", ""])
AS_PATH_TEXT = parsed(lambda value: str(as_path(value)), numeric=True, examples=["12076 65010", ""])
