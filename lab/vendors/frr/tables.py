"""What FRR says of its tables: the JSON that vtysh prints, as FRR 8.4 does."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lab.bfd import BfdStatus, State
from lab.bgp import Family, Prefix, parse_prefix
from lab.json_objects import WrongPlace, json_object
from lab.plan import NodePlan, SessionPlan
from lab.vendors import ForeignPath, ForeignSession, ForeignTables, VendorError
from lab.vendors.frr.routes import paths_of, peer_of, route_of

NEIGHBORS = "show bgp neighbors json"
BFD_PEERS = "show bfd peers json"
_RIB = {Family.IPV4: "show ip route bgp json", Family.IPV6: "show ipv6 route bgp json"}
_STATES = {"up": State.UP, "down": State.DOWN, "init": State.INIT, "shutdown": State.ADMIN_DOWN}
_SUBGROUP = re.compile(r"^  Update-subgroup \d+:$", re.MULTILINE)
_FIELD = re.compile(r"^ +(Version|Packet queue length|Advertise list): *(\S+)", re.MULTILINE)
_PEER = re.compile(r"^ +- (\S+)", re.MULTILINE)


def commands(node: NodePlan) -> tuple[str, ...]:
    """What vtysh is asked."""
    asked = [NEIGHBORS]
    for family in families(node):
        asked += [table(family), groups(family), _RIB[family]]
    asked += [line for session in _sessions(node) for line in (_received(session), _advertised(session))]
    if any(session.bfd for session in _sessions(node)):
        asked.append(BFD_PEERS)
    return tuple(asked)


def table(family: Family) -> str:
    """The command for all paths of a family, with their communities."""
    return f"show bgp {family.value} unicast json detail"


def groups(family: Family) -> str:
    """The command for what is still to be sent to neighbours."""
    return f"show bgp {family.value} unicast update-groups"


def families(node: NodePlan) -> list[Family]:
    """The families of a router's sessions."""
    return list(dict.fromkeys(session.family for session in _sessions(node)))


def _received(session: SessionPlan) -> str:
    return f"show bgp {session.family.value} unicast neighbors {session.peer_address} received-routes json"


def _advertised(session: SessionPlan) -> str:
    return f"show bgp {session.family.value} unicast neighbors {session.peer_address} advertised-routes json"


def _sessions(node: NodePlan) -> tuple[SessionPlan, ...]:
    return node.bgp.sessions if node.bgp else ()


def split(output: str, asked: tuple[str, ...]) -> dict[str, str]:
    """What each command printed. With -E, vtysh writes each behind its prompt, as it was given. Raises VendorError."""
    answers, at = {}, 0
    places = []
    for command in asked:
        found = re.compile(rf"^.*[#>] {re.escape(command)}$", re.MULTILINE).search(output, at)
        if found is None:
            raise VendorError(f"vtysh did not answer {command!r}: {output[at:][:200].strip()}")
        places.append(found)
        at = found.end()
    for command, place, after in zip(asked, places, [*places[1:], None], strict=True):
        answers[command] = output[place.end() : after.start() if after else None].strip()
    return answers


def tables(node: NodePlan, output: str) -> ForeignTables:
    """The tables, of what the commands printed. Raises VendorError."""
    answers = split(output, commands(node))
    try:
        return _tables(node, answers)
    except (WrongPlace, KeyError, TypeError, ValueError) as problem:
        raise VendorError(f"vtysh printed what cannot be read: {problem!r}") from problem


def _tables(node: NodePlan, answers: Mapping[str, str]) -> ForeignTables:
    peers = {str(session.peer_address): session for session in _sessions(node)}
    paths: list[ForeignPath] = []
    pending: list[str] = []
    neighbors = _json(answers[NEIGHBORS])
    bfd = {one["peer"]: one for one in _json(answers.get(BFD_PEERS, "")) or ()}
    for family in families(node):
        shown = _json(answers[table(family)])
        some = list(_paths(shown, peers, pending))
        pending += _not_sent(answers[groups(family)], shown.get("tableVersion", 0), peers, neighbors)
        pending += _not_installed(_json(answers[_RIB[family]]), some)
        paths += some
    sessions = tuple(_session(session, neighbors, bfd, answers) for session in _sessions(node))
    return ForeignTables(sessions=sessions, paths=tuple(paths), pending=tuple(dict.fromkeys(pending)))


def _json(text: str) -> Any:  # noqa: ANN401  # JSON has no narrower type
    return json.loads(text) if text.startswith(("{", "[")) else {}


def _session(
    plan: SessionPlan, neighbors: Mapping[str, Any], bfd: Mapping[str, Any], answers: Mapping[str, str]
) -> ForeignSession:
    peer = str(plan.peer_address)
    shown = neighbors.get(peer, {})
    established = shown.get("bgpState") == "Established"
    return ForeignSession(
        session=plan.name,
        established=established,
        why_down="" if established else _why_down(shown),
        received=_listed(answers[_received(plan)], "receivedRoutes") if established else None,
        advertised=_listed(answers[_advertised(plan)], "advertisedRoutes") if established else None,
        updates_received=shown.get("messageStats", {}).get("updatesRecv"),
        bfd=None if plan.bfd is None else _bfd(bfd.get(peer)),
    )


def _why_down(shown: Mapping[str, Any]) -> str:
    if not shown:
        return "bgpd has no such neighbor"
    words = [f"bgpd is in {shown.get('bgpState', 'an unknown state')}"]
    words += [str(shown[key]) for key in ("lastResetDueTo", "lastNotificationReason") if key in shown]
    return ", ".join(words)


def _listed(text: str, key: str) -> frozenset[Prefix] | None:
    found = _json(text).get(key)
    return None if found is None else frozenset(map(parse_prefix, found))


def _bfd(shown: Mapping[str, Any] | None) -> BfdStatus | None:
    """The status of BFD: what was negotiated, of what both ends have (RFC 5880 §6.8.2-4)."""
    if shown is None:
        return None
    state = _STATES.get(shown["status"], State.DOWN)
    if state is not State.UP:
        return BfdStatus(state=state, transmit_interval_ms=max(1000, shown["transmit-interval"]), detection_time_ms=0)
    return BfdStatus(
        state=state,
        transmit_interval_ms=max(shown["transmit-interval"], shown["remote-receive-interval"]),
        detection_time_ms=shown["remote-detect-multiplier"]
        * max(shown["receive-interval"], shown["remote-transmit-interval"]),
    )


def _paths(shown: Mapping[str, Any], peers: Mapping[str, SessionPlan], pending: list[str]) -> Iterator[ForeignPath]:
    """Every path of a table."""
    left_out: Counter[str] = Counter()
    for prefix, path in paths_of(json_object(shown, ()), left_out):
        peer = peer_of(path)
        session = peers.get(str(peer))
        if peer is not None and session is None:
            continue  # of a neighbour that is none of the plan's
        if path.entries.get("processScheduled"):
            pending.append(f"bgpd has not decided on {prefix} yet")
        chosen = path.object("bestpath")
        yield ForeignPath(
            route=route_of(prefix, path, left_out),
            session=session.name if session else "",
            best=chosen.has("overall"),
            forwarding=chosen.has("overall") or path.has("multipath"),
            because=chosen.text("selectionReason", str, ""),
        )


def _not_sent(text: str, version: int, peers: Mapping[str, SessionPlan], neighbors: Mapping[str, Any]) -> Iterator[str]:
    """The neighbours that bgpd has still something to tell, of the groups that share what they are sent."""
    for group in _SUBGROUP.split(text)[1:]:
        fields = dict(_FIELD.findall(group))
        done = (
            int(fields.get("Version", 0)) == version
            and fields.get("Packet queue length") == "0"
            and fields.get("Advertise list") == "empty"
        )
        for peer in _PEER.findall(group) if not done else ():
            if peer in peers and neighbors.get(peer, {}).get("bgpState") == "Established":
                yield f"bgpd has not told {peers[peer].neighbor} everything yet"


def _not_installed(rib: Mapping[str, Any], paths: list[ForeignPath]) -> Iterator[str]:
    """The routes on which bgpd, zebra and the kernel do not agree yet."""
    entries = {parse_prefix(text): found for text, found in rib.items()}
    chosen = {path.route.prefix for path in paths if path.best and path.session}
    own = {path.route.prefix for path in paths if path.best and not path.session}
    for prefix in chosen - entries.keys():
        yield f"zebra does not know {prefix} yet"
    for prefix, found in entries.items():
        if any(one.get("selected") and not one.get("installed") for one in found):
            yield f"the kernel has no route to {prefix} yet"
        if prefix not in chosen | own:
            yield f"zebra still has {prefix}"
