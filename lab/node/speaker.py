"""The speaker: ExaBGP, as its configuration, its commands and its events.

It runs in the node's own process, forked from one that has imported it, and its helper is the node itself instead of a
program at the end of two pipes. The configuration language, the text commands and the JSON events are ExaBGP's own
(docs/decisions/0003-exabgp-in-a-fork.md); the UPDATEs that it receives are decoded by `lab.wire`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from lab.bgp import (
    LONGEST_SEGMENT,
    AsPath,
    Nlri,
    Route,
    RouteDistinguisher,
    SegmentKind,
    VpnPrefix,
    extended_community_octets,
    route_distinguisher_octets,
)
from lab.errors import LabBroken
from lab.events import (
    Announce,
    CloseSession,
    Effect,
    Event,
    RefreshRequested,
    RequestRefresh,
    SessionDown,
    SessionUp,
    UpdateReceived,
    Withdraw,
)
from lab.plan import BgpPlan, SessionPlan
from lab.wire import Agreed, decode_update
from lab.wire.nlri import AFI, MPLS_VPN, UNICAST

if TYPE_CHECKING:
    from lab.node.exabgp_parts import Helper

HELPER = "router"
BGP_PORT = 179
_PREFIXES_A_COMMAND = 200

ENVIRONMENT = {
    "exabgp_api_ack": "true",
    "exabgp_api_cli": "false",
    "exabgp_daemon_drop": "false",
    "exabgp_daemon_user": "root",
    "exabgp_log_destination": "stderr",
    "exabgp_log_level": "WARNING",
    "exabgp_log_short": "true",
    "exabgp_reactor_speed": "0.1",
}
"""Read by ExaBGP when it is imported. `api_ack` makes it answer each command, so that a refused one is noticed."""


_EVENTS = "receive { parsed; open; update; refresh; notification; }"


def configuration(bgp: BgpPlan) -> str:
    """The ExaBGP configuration of one router. It holds the MD5 keys: keep it in memory."""
    lines = [f"process {HELPER} {{ run /bin/true; encoder json; }}"]
    for session in bgp.sessions:
        lines += [
            f"neighbor {session.peer_address} {{",
            f"  router-id {bgp.router_id};",
            f"  local-address {session.local_address};",
            f"  local-as {session.local_asn};",
            f"  peer-as {session.peer_asn};",
            f"  hold-time {session.hold_time_s};",
            f"  family {{ {session.family.value} {_safi(session)}; }}",
            "  capability { asn4 enable; route-refresh disable; graceful-restart disable; }",
            "  adj-rib-in false;",
            "  adj-rib-out false;",
            f"  api {{ processes [ {HELPER} ]; neighbor-changes; {_EVENTS} }}",
        ]
        if session.passive:
            lines += ["  passive;", f"  listen {BGP_PORT};"]
        if session.md5 is not None:
            lines.append(f'  md5-password "{session.md5.value}";')
        lines.append("}")
    return "\n".join(lines) + "\n"


# commands: effects of the router to lines that ExaBGP reads


def commands(effect: Effect, sessions: dict[str, SessionPlan]) -> Iterator[str]:
    """The lines that carry out an effect; none for effects that are not the speaker's."""
    match effect:
        case Announce(session=name, routes=routes):
            for attributes, prefixes in _by_attributes(routes).items():
                for start in range(0, len(prefixes), _PREFIXES_A_COMMAND):
                    some = " ".join(prefixes[start : start + _PREFIXES_A_COMMAND])
                    yield f"neighbor {sessions[name].peer_address} announce attributes {attributes} nlri {some}"
        case Withdraw(session=name, prefixes=prefixes):
            for prefix in prefixes:
                yield f"neighbor {sessions[name].peer_address} withdraw route {_withdrawn(prefix)}"
        case RequestRefresh(session=name):
            session = sessions[name]
            yield f"neighbor {session.peer_address} announce route-refresh {session.family.value} {_safi(session)}"
        case CloseSession(session=name, subcode=subcode):
            yield f"neighbor {sessions[name].peer_address} teardown {subcode}"
        case _:
            return


def _by_attributes(routes: Iterable[Route]) -> dict[str, list[str]]:
    """The prefixes that share their attributes; one command for them is twice as fast as one each."""
    prefixes: dict[str, list[str]] = {}
    for route in routes:
        shared = _attributes(route)
        if route.rd is not None:
            shared += f" {_distinguished(route.rd)} label {route.label}"
        prefixes.setdefault(shared, []).append(str(route.prefix))
    return prefixes


def _safi(session: SessionPlan) -> str:
    return "mpls-vpn" if session.vpn else "unicast"


NO_LABEL = "none"
"""In place of the label in a withdrawal."""


def _withdrawn(nlri: Nlri) -> str:
    """What a withdrawal says: a prefix, of a VPN's with its distinguisher and no label."""
    if not isinstance(nlri, VpnPrefix):
        return str(nlri)
    return f"{nlri.prefix} {_distinguished(nlri.rd)} label {NO_LABEL}"


def _distinguished(rd: RouteDistinguisher) -> str:
    return f"rd 0x{route_distinguisher_octets(rd).hex()}"


def _attributes(route: Route) -> str:
    words = [f"next-hop {route.next_hop} origin {route.origin.value}", _as_path(route.as_path)]
    if route.local_pref is not None:
        words.append(f"local-preference {route.local_pref}")
    if route.multi_exit_disc is not None:
        words.append(f"med {route.multi_exit_disc}")
    if route.atomic_aggregate:
        words.append("atomic-aggregate")
    if route.aggregator is not None:
        words.append(f"aggregator ( {route.aggregator} )")
    if route.communities:
        words.append(f"community [ {' '.join(route.communities)} ]")
    if route.originator_id is not None:
        words.append(f"originator-id {route.originator_id}")
    if route.cluster_list:
        words.append(f"cluster-list [ {' '.join(map(str, route.cluster_list))} ]")
    if route.extended_communities:
        octets = (extended_community_octets(one).hex() for one in route.extended_communities)
        words.append(f"extended-community [ {' '.join(f'0x{one}' for one in octets)} ]")
    if route.large_communities:
        words.append(f"large-community [ {' '.join(route.large_communities)} ]")
    words += [_octets(one.code, _OPTIONAL_TRANSITIVE_PARTIAL, bytes.fromhex(one.value)) for one in route.unknown]
    return " ".join(words)


_WELL_KNOWN, _OPTIONAL_TRANSITIVE_PARTIAL = 0x40, 0xE0  # RFC 4271 §4.3
_AS_PATH = 2
_SEGMENT_TYPE = {  # RFC 4271 §4.3, RFC 5065 §3
    SegmentKind.SET: 1,
    SegmentKind.SEQUENCE: 2,
    SegmentKind.CONFED_SEQUENCE: 3,
    SegmentKind.CONFED_SET: 4,
}


def _octets(code: int, flags: int, value: bytes) -> str:
    """An attribute that ExaBGP sends as it is."""
    return f"attribute [ 0x{code:02x} 0x{flags:02x} 0x{value.hex()} ]"


def _as_path(path: AsPath) -> str:
    """A path as ExaBGP reads it; its text for confederations (RFC 5065) is refused by its own parser."""
    if not path.has_confederation:
        groups = [(("(", ")") if s.kind is SegmentKind.SET else ("[", "]"), s.asns) for s in path.segments]
        texts = [f"{left} {' '.join(map(str, asns))} {right}" for (left, right), asns in groups]
        return f"as-path {' '.join(texts) or '[ ]'}"
    value = b""
    for segment in path.segments:
        for start in range(0, len(segment.asns), LONGEST_SEGMENT):
            asns = segment.asns[start : start + LONGEST_SEGMENT]
            value += bytes([_SEGMENT_TYPE[segment.kind], len(asns)]) + b"".join(asn.to_bytes(4) for asn in asns)
    return _octets(_AS_PATH, _WELL_KNOWN, value)


# events: lines of JSON that ExaBGP writes to events of the router

DONE, ERROR = "done", "error"


class Decoder:
    """Turns ExaBGP's JSON lines into the router's events.

    ExaBGP answers each command with `done` or `error`, in order; `sent` remembers them, so that an error can name its
    command.
    """

    def __init__(self, sessions: Iterable[SessionPlan]) -> None:
        self._plans = {str(session.peer_address): session for session in sessions}
        self._router_ids: dict[str, int] = {}
        self._sent: list[str] = []

    def sent(self, command: str) -> None:
        """Remember a command until its answer comes."""
        self._sent.append(command)

    def decode(self, line: str) -> Event | None:
        """The event that a line tells of, None where it tells of none. Raises LabBroken where a command was refused."""
        if line in (DONE, ERROR):
            command = self._sent.pop(0) if self._sent else "(none was sent)"
            # a session may end before it is asked to end, or to send its routes again
            if line == ERROR and " teardown " not in command and " announce route-refresh " not in command:
                raise LabBroken(f"ExaBGP refused the command: {command}")
            return None
        message = json.loads(line)
        if "neighbor" not in message:
            return None
        name = self.session(message["neighbor"]["address"]["peer"])
        if name is None:
            return None
        return self._event(name, message["type"], message["neighbor"])

    def _event(self, name: str, kind: str, neighbor: dict[str, Any]) -> Event | None:
        if kind == "open":
            self._router_ids[name] = int(IPv4Address(neighbor["open"]["router_id"]))
        elif kind == "state" and neighbor["state"] == "up":
            return SessionUp(session=name, peer_router_id=self._router_ids.get(name, 0))
        elif kind == "state" and neighbor["state"] == "down":
            return SessionDown(session=name, reason=_reason(neighbor.get("reason", "closed")))
        return None

    def update(self, peer: str, body: bytes, *, asn4: bool) -> UpdateReceived | None:
        """The event that an UPDATE's octets are; None for those of a peer that the router does not know.

        Routes of a family that was not agreed on are ignored (RFC 4760 §8). Raises UpdateError where the session has to
        end.
        """
        plan = self._plans.get(peer)
        if plan is None:
            return None
        first_asn = plan.peer_asn if plan.ebgp else None
        agreed = Agreed(plan.family, vpn=plan.vpn)
        decoded = decode_update(body, asn4=asn4, ebgp=plan.ebgp, peer_asn=first_asn, agreed=agreed)
        return UpdateReceived(
            session=plan.name, announced=decoded.announced, withdrawn=decoded.withdrawn, faults=decoded.faults
        )

    def refresh(self, peer: str, body: bytes) -> RefreshRequested | None:
        """The event that a ROUTE-REFRESH's octets are; None where they ask for nothing that the session carries.

        That is so for families that were not agreed on (RFC 2918 §4) and for subtypes that ask for nothing or are not
        known (RFC 7313 §5).
        """
        plan = self._plans.get(peer)
        if plan is None or body != _refresh_request(plan):
            return None
        return RefreshRequested(session=plan.name)

    def session(self, peer: str) -> str | None:
        """The name of the session with a peer's address."""
        plan = self._plans.get(peer)
        return None if plan is None else plan.name


def _refresh_request(plan: SessionPlan) -> bytes:
    """AFI, subtype and SAFI of the message that asks for the routes of a session (RFC 2918 §3)."""
    return bytes((0, AFI[plan.family], 0, MPLS_VPN if plan.vpn else UNICAST))


_NOTIFICATION = re.compile(r"notification received \((\d+),(\d+)\)")
_CEASE = 6
_CEASE_SUBCODES = {
    1: "maximum number of prefixes reached (RFC 4486 §4)",
    2: "administrative shutdown (RFC 4486 §4)",
    4: "administrative reset (RFC 4486 §4)",
    5: "connection rejected (RFC 4486 §4)",
    10: "BFD down (RFC 9384 §3)",
}


def _reason(text: str) -> str:
    """Why a session ended, with the words for what the neighbour's NOTIFICATION said."""
    found = _NOTIFICATION.search(text)
    if found and int(found[1]) == _CEASE and int(found[2]) in _CEASE_SUBCODES:
        return f"{text}: Cease, {_CEASE_SUBCODES[int(found[2])]}"
    return text


# running it


def warm_up() -> None:
    """Import ExaBGP and let it read a configuration once, so that every speaker forked later shares the work."""
    os.environ.update(ENVIRONMENT)
    from exabgp.configuration.configuration import Configuration
    from exabgp.environment import getenv
    from exabgp.logger import log

    from lab.node import exabgp_parts

    log.init(getenv())
    Configuration([_SAMPLE], text=True).reload()
    del exabgp_parts


_SAMPLE = (
    f"process {HELPER} {{ run /bin/true; encoder json; }} neighbor 192.0.2.2 {{ router-id 192.0.2.1; "
    "local-address 192.0.2.1; local-as 64496; peer-as 64497; family { ipv4 unicast; } }"
)


def run(bgp: BgpPlan, helper: Helper) -> int:
    """Speak BGP until the helper ends this process; returns ExaBGP's exit code where it gives up itself."""
    from lab.node.exabgp_parts import reactor

    return int(reactor(configuration(bgp), helper).run())
