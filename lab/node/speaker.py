"""The speaker: ExaBGP, as its configuration, its commands and its events.

It runs in the node's own process, forked from one that has imported it, and its helper is the node itself instead of a
program at the end of two pipes. Everything else is ExaBGP's own: the configuration language, the text commands, the
JSON events (docs/decisions/0003-exabgp-in-a-fork.md).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, Any

from lab.bgp import (
    Asn,
    AsPath,
    Community,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    Segment,
    SegmentKind,
    in_order,
    parse_prefix,
)
from lab.errors import LabBroken
from lab.plan import BgpPlan, SessionPlan
from lab.router import Announce, CloseSession, Effect, Event, SessionDown, SessionUp, UpdateReceived, Withdraw

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
            f"  family {{ {session.family.value} unicast; }}",
            "  capability { asn4 enable; route-refresh disable; graceful-restart disable; }",
            "  adj-rib-in false;",
            "  adj-rib-out false;",
            f"  api {{ processes [ {HELPER} ]; neighbor-changes; receive {{ parsed; open; update; notification; }} }}",
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
                yield f"neighbor {sessions[name].peer_address} withdraw route {prefix}"
        case CloseSession(session=name, subcode=subcode):
            yield f"neighbor {sessions[name].peer_address} teardown {subcode}"
        case _:
            return


def _by_attributes(routes: Iterable[Route]) -> dict[str, list[str]]:
    """The prefixes that share their attributes; one command for them is twice as fast as one each."""
    prefixes: dict[str, list[str]] = {}
    for route in routes:
        prefixes.setdefault(_attributes(route), []).append(str(route.prefix))
    return prefixes


def _attributes(route: Route) -> str:
    words = [f"next-hop {route.next_hop} origin {route.origin.value}"]
    path = " ".join(
        f"( {' '.join(map(str, s.asns))} )" if s.kind is SegmentKind.SET else " ".join(map(str, s.asns))
        for s in route.as_path.segments
    )
    words.append(f"as-path [ {path} ]")
    if route.local_pref is not None:
        words.append(f"local-preference {route.local_pref}")
    if route.multi_exit_disc is not None:
        words.append(f"med {route.multi_exit_disc}")
    if route.communities:
        words.append(f"community [ {' '.join(route.communities)} ]")
    if route.large_communities:
        words.append(f"large-community [ {' '.join(route.large_communities)} ]")
    return " ".join(words)


# events: lines of JSON that ExaBGP writes to events of the router

DONE, ERROR = "done", "error"


class Decoder:
    """Turns ExaBGP's JSON lines into the router's events.

    ExaBGP answers each command with `done` or `error`, in order; `sent` remembers them, so that an error can name its
    command.
    """

    def __init__(self, sessions: Iterable[SessionPlan]) -> None:
        self._names = {str(session.peer_address): session.name for session in sessions}
        self._router_ids: dict[str, int] = {}
        self._sent: list[str] = []

    def sent(self, command: str) -> None:
        """Remember a command until its answer comes."""
        self._sent.append(command)

    def decode(self, line: str) -> Event | None:
        """The event that a line tells of, None where it tells of none. Raises LabBroken where a command was refused."""
        if line in (DONE, ERROR):
            command = self._sent.pop(0) if self._sent else "(none was sent)"
            if line == ERROR and " teardown " not in command:
                raise LabBroken(f"ExaBGP refused the command: {command}")
            return None
        message = json.loads(line)
        if "neighbor" not in message:
            return None
        name = self._names.get(message["neighbor"]["address"]["peer"])
        if name is None:
            return None
        return self._event(name, message["type"], message["neighbor"])

    def _event(self, name: str, kind: str, neighbor: dict[str, Any]) -> Event | None:
        if kind == "open":
            self._router_ids[name] = int(IPv4Address(neighbor["open"]["router_id"]))
        elif kind == "state" and neighbor["state"] == "up":
            return SessionUp(session=name, peer_router_id=self._router_ids.get(name, 0))
        elif kind == "state" and neighbor["state"] == "down":
            return SessionDown(session=name, reason=neighbor.get("reason", "closed"))
        elif kind == "update":
            return _update(name, neighbor["message"].get("update", {}))
        return None


def _update(name: str, update: dict[str, Any]) -> UpdateReceived:
    attributes = update.get("attribute", {})
    announced: list[Route] = []
    withdrawn = [
        parse_prefix(entry["nlri"])
        for entries in update.get("withdraw", {}).values()
        for entry in entries
        if isinstance(entry, dict) and "nlri" in entry
    ]
    for by_next_hop in update.get("announce", {}).values():
        for next_hop, entries in by_next_hop.items():
            for entry in entries:
                if not isinstance(entry, dict) or "nlri" not in entry:
                    continue
                prefix = parse_prefix(entry["nlri"])
                try:
                    announced.append(_route(prefix, next_hop, attributes))
                except ValueError:  # an attribute that no route may have: treat as withdraw (RFC 7606 §2)
                    withdrawn.append(prefix)
    return UpdateReceived(session=name, announced=tuple(announced), withdrawn=tuple(withdrawn))


def _route(prefix: Prefix, next_hop: str, attributes: dict[str, Any]) -> Route:
    segments = tuple(
        Segment(SegmentKind(segment["element"]), tuple(map(Asn, segment["value"])))
        for _, segment in sorted(attributes.get("as-path", {}).items(), key=lambda item: int(item[0]))
    )
    return Route(
        prefix=prefix,
        next_hop=ip_address(next_hop),
        origin=Origin(attributes.get("origin", "igp")),
        as_path=AsPath(segments),
        local_pref=attributes.get("local-preference"),
        multi_exit_disc=attributes.get("med"),
        communities=in_order(Community(_joined(c)) for c in attributes.get("community", ())),
        large_communities=in_order(LargeCommunity(_joined(c)) for c in attributes.get("large-community", ())),
    )


def _joined(numbers: list[int]) -> str:
    return ":".join(map(str, numbers))


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
    from exabgp.configuration.configuration import Configuration

    from lab.node.exabgp_parts import reactor

    return int(reactor(Configuration([configuration(bgp)], text=True), helper).run())
