"""What birdcl prints: `birdcl -v` fed one command a line, its codes before each line of the answers.

    bird> show route all table all
    1007-Table master4:
         10.100.0.0/16        unicast [msee1-ipv4 2026-11-28 15:50:52] * (0) [AS12076i]
    1008-	Type: BGP univ
    1012-	BGP.as_path: 12076

A line that has no code of its own has that of the line before (doc/reply_codes of BIRD 2.0.12).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from lab.bfd import BfdStatus, State
from lab.bgp import (
    Address,
    Aggregator,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    RouteSource,
    UnknownAttribute,
    extended_community,
)
from lab.vendors import VendorError

PROMPT = "bird> "
_LINE = re.compile(r"(?P<code>\d{4})[- ]|     ")
_ROUTE = re.compile(
    r"(?P<net>\S*)\s+(?P<dest>unicast|blackhole|unreachable|prohibited) \[(?P<protocol>\S+) [^\]]*\]\s*"
    r"(?P<flags>[*!]*) \((?P<preference>\d+)"
)
_ATTRIBUTE = re.compile(r"\t(?P<name>[\w.]+)(?: \[\w+\])?:(?: (?P<value>.*))?")
_GATEWAY = re.compile(r"\tvia (?P<gateway>\S+) on ")
_PROTOCOL = re.compile(r"(?P<name>.+?) +(?P<kind>\w+) +(?P<table>\S+) +(?P<state>up|down|start|stop|flush)\b")
_BFD = re.compile(
    r"(?P<peer>\S+) +(?P<interface>\S+) +(?P<state>\w+) +\S.*? +"
    r"(?P<interval>[\d.]+) +(?P<timeout>[\d.]+)"
)
_EXTENDED = re.compile(r"\((?P<kind>\w+)(?: 0x(?P<type>\w+))?, (?P<key>[\w.]+), (?P<value>\w+)\)")
_HEXADECIMAL = re.compile("[0-9a-f]{2}")
_ORIGINS = {"IGP": Origin.IGP, "EGP": Origin.EGP, "Incomplete": Origin.INCOMPLETE}
_BFD_STATES = {"Up": State.UP, "Down": State.DOWN, "Init": State.INIT, "AdminDown": State.ADMIN_DOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The lines of one answer, each with its code."""

    lines: tuple[tuple[str, str], ...]

    @property
    def error(self) -> str:
        """Why there is none (codes 8000 to 9999); empty where there is."""
        return next((text for code, text in self.lines if code >= "8"), "")


def answers(text: str) -> dict[str, Answer]:
    """Every command with its answer. Raises VendorError where there is none."""
    found: dict[str, list[tuple[str, str]]] = {}
    lines: list[tuple[str, str]] = []
    code = ""
    for line in text.splitlines():
        if line.startswith(PROMPT):
            lines = found.setdefault(line.removeprefix(PROMPT).rstrip(), [])
            code = ""
            continue
        start = _LINE.match(line)
        if start is None:
            raise VendorError(f"birdcl printed {line[:100]!r}")
        code = start["code"] or code
        lines.append((code, line[5:]))
    found.pop("", None)
    return {command: Answer(lines=tuple(its)) for command, its in found.items()}


@dataclass(slots=True, kw_only=True)
class BirdProtocol:
    """A BGP protocol, as `show protocols all` has it. `tables` are those of its channels."""

    name: str
    established: bool = False
    peer: Address | None = None
    last_error: str = ""
    tables: list[str] = field(default_factory=list)


def bgp_protocols(answer: Answer) -> Iterator[BirdProtocol]:
    """All BGP protocols."""
    current: BirdProtocol | None = None
    for code, text in answer.lines:
        if code == "1002":
            if current is not None:
                yield current
            found = _PROTOCOL.match(text)
            if found is None:
                raise VendorError(f"birdcl printed the protocol {text[:100]!r}")
            current = BirdProtocol(name=found["name"]) if found["kind"] == "BGP" else None
        elif code == "1006" and current is not None:
            key, _, value = text.strip().partition(":")
            _tell(current, key, value.strip())
    if current is not None:
        yield current


def _tell(protocol: BirdProtocol, key: str, value: str) -> None:
    match key:
        case "BGP state":
            protocol.established = value == "Established"
        case "Neighbor address":
            protocol.peer = ip_address(value.partition("%")[0])
        case "Last error":
            protocol.last_error = value
        case "Table":
            protocol.tables.append(value)


def bfd_sessions(answer: Answer) -> dict[Address, BfdStatus]:
    """The status of each BFD session, by the peer's address; BIRD prints seconds."""
    found = {}
    for _, text in answer.lines:
        line = _BFD.fullmatch(text.strip())
        if line is not None and line["state"] in _BFD_STATES:
            found[ip_address(line["peer"])] = BfdStatus(
                state=_BFD_STATES[line["state"]],
                transmit_interval_ms=_milliseconds(line["interval"]),
                detection_time_ms=_milliseconds(line["timeout"]),
            )
    return found


def _milliseconds(seconds: str) -> int:
    return round(float(seconds) * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class BirdRoute:
    """One route of a table. `gateways` are where its packets go, `best` that it is chosen."""

    table: str
    protocol: str
    best: bool
    route: Route
    gateways: tuple[Address, ...]


def routes(answer: Answer) -> Iterator[BirdRoute]:
    """The routes with all their attributes: `show route all ...`."""
    table, block = "", list[str]()
    prefix: Prefix | None = None
    for _, text in answer.lines:
        if text.startswith("\t"):
            block.append(text)
            continue
        if block and prefix is not None:
            yield _route(table, prefix, block)
        block = []
        if text.startswith("Table "):
            table = text.removeprefix("Table ").rstrip(":")
        elif text.strip():
            found = _ROUTE.match(text)
            if found is None:
                raise VendorError(f"birdcl printed the route {text[:100]!r}")
            prefix = _network(found["net"]) if found["net"] else prefix
            block = [text]
    if block and prefix is not None:
        yield _route(table, prefix, block)


def cut_short(answer: Answer) -> Iterator[str]:
    """The routes that BIRD prints in part only, in words: it ends the text of one attribute behind some 500 octets."""
    prefix = ""
    for _, text in answer.lines:
        route = _ROUTE.match(text)
        prefix = (route["net"] or prefix) if route else prefix
        if text.startswith("\tBGP.") and text.endswith("..."):
            yield f"BIRD prints only the beginning of {text.strip().partition(':')[0]} of {prefix}"


def prefixes(answer: Answer) -> frozenset[Prefix]:
    """Those of the routes of a table: `show route ...`."""
    found = (_ROUTE.match(text) for _, text in answer.lines if not text.startswith(("\t", "Table ")))
    return frozenset(_network(one["net"]) for one in found if one is not None and one["net"])


def _network(text: str) -> Prefix:
    try:
        return ip_network(text)
    except ValueError:
        raise VendorError(f"birdcl printed {text[:100]!r} for a prefix") from None


def _route(table: str, prefix: Prefix, block: list[str]) -> BirdRoute:
    first = _ROUTE.match(block[0])
    if first is None:  # for the type checker: the block began with one
        raise VendorError(f"birdcl printed the route {block[0][:100]!r}")
    attributes = {one["name"]: one["value"] or "" for text in block[1:] if (one := _ATTRIBUTE.fullmatch(text))}
    gateways = tuple(ip_address(one["gateway"]) for text in block[1:] if (one := _GATEWAY.match(text)))
    try:
        if attributes.get("Type", "").startswith("BGP"):
            route = _bgp_route(prefix, attributes, int(first["preference"]))
        else:
            route = _own_route(prefix, first["dest"], int(first["preference"]))
    except (ValueError, KeyError) as problem:
        raise VendorError(f"birdcl printed a route to {prefix} that cannot be read: {problem}") from None
    return BirdRoute(
        table=table,
        protocol=first["protocol"],
        best="*" in first["flags"],
        route=route,
        gateways=gateways if first["dest"] == "unicast" else (),
    )


def _own_route(prefix: Prefix, dest: str, preference: int) -> Route:
    """A route of the router itself, as the lab's own router has them."""
    return Route(
        prefix=prefix,
        next_hop=IPv4Address(0) if prefix.version == 4 else IPv6Address(0),
        source=RouteSource.CONNECTED if dest == "unicast" else RouteSource.STATIC,
        weight=preference,
    )


def _bgp_route(prefix: Prefix, attributes: dict[str, str], preference: int) -> Route:
    bgp = {name.removeprefix("BGP."): value for name, value in attributes.items() if name.startswith("BGP.")}
    aggregator = re.fullmatch(r"(\S+) AS(\d+)", bgp.get("aggregator", ""))
    return Route(
        prefix=prefix,
        next_hop=ip_address(bgp["next_hop"].split()[0]),
        origin=_ORIGINS[bgp["origin"]],
        as_path=AsPath.parse(bgp.get("as_path", "").replace("({", "[").replace("})", "]")),
        local_pref=_number(bgp.get("local_pref")),
        multi_exit_disc=_number(bgp.get("med")),
        communities=tuple(Community(f"{one}:{two}") for one, two in _tuples(bgp.get("community", ""), 2)),
        large_communities=tuple(
            LargeCommunity(":".join(parts)) for parts in _tuples(bgp.get("large_community", ""), 3)
        ),
        extended_communities=tuple(map(_extended, _EXTENDED.finditer(bgp.get("ext_community", "")))),
        atomic_aggregate="atomic_aggr" in bgp,
        aggregator=None if aggregator is None else Aggregator(Asn(int(aggregator[2])), IPv4Address(aggregator[1])),
        originator_id=IPv4Address(bgp["originator_id"]) if "originator_id" in bgp else None,
        cluster_list=tuple(map(IPv4Address, bgp.get("cluster_list", "").split())),
        unknown=tuple(
            UnknownAttribute(int(code, 16), value.replace(" ", ""))
            for code, value in bgp.items()
            if _HEXADECIMAL.fullmatch(code)
        ),
        weight=preference,
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _tuples(text: str, size: int) -> Iterator[tuple[str, ...]]:
    for one in re.findall(r"\(([^)]*)\)", text):
        parts = tuple(re.split(r",\s*", one))
        if len(parts) != size:
            raise ValueError(f"({one}) has not {size} parts")
        yield parts


def _extended(found: re.Match[str]) -> ExtendedCommunity:
    """An extended community by its octets (RFC 4360 §3); how BIRD prints one tells the layout."""
    kind, key, value = found["kind"], found["key"], int(found["value"], 0)
    if kind == "generic":
        return extended_community(int(key, 0).to_bytes(4) + value.to_bytes(4))
    head = int(found["type"], 16) if found["type"] else {"rt": 0x02, "ro": 0x03}[kind]
    if "." in key:
        return extended_community((head | 0x0100).to_bytes(2) + IPv4Address(key).packed + value.to_bytes(2))
    if int(key) > 0xFFFF:
        return extended_community((head | 0x0200).to_bytes(2) + int(key).to_bytes(4) + value.to_bytes(2))
    return extended_community(head.to_bytes(2) + int(key).to_bytes(2) + value.to_bytes(4))
