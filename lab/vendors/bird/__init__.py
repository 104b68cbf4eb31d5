"""BIRD 2 as a customer edge: its configuration, rendered or the user's own, and its tables.

Written for BIRD 2.0.12, that of Debian 12. What it does otherwise than the lab's own router, and what it cannot do:
docs/decisions/0029-bird.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lab.bgp import Address, MaxPrefix, Route
from lab.plan import NodePlan, SessionPlan
from lab.vendors import (
    Cannot,
    Check,
    Command,
    File,
    ForeignPath,
    ForeignSession,
    ForeignTables,
    Order,
    Reload,
    Reset,
    Vendor,
    VendorError,
)
from lab.vendors.bird import output
from lab.vendors.bird.configuration import Configuration
from lab.vendors.bird.filters import POOLS, protocol_of

_FILE = "bird.conf"
_BGP = re.compile(r"""^\s*protocol\s+bgp\s+('[^'\n]+'|[A-Za-z_]\w*)""", re.MULTILINE)
_COMMENTS = re.compile(r"/\*.*?\*/|#[^\n]*", re.DOTALL)
_END = "show status"
"""The last question: its answer shows that none is missing."""
_FEED = """printf '%s\\n' "$@" | birdcl -v -s "$0" """
"""One birdcl for all questions: each would take a process of its own otherwise."""


def cannot(node: NodePlan) -> Iterator[Cannot]:
    """What a rendered configuration cannot say of a node's plan."""
    if node.bgp is not None and (node.speaker is None or node.speaker.config is None):
        yield from dict.fromkeys(Configuration(node, node.bgp).cannot)


class BirdRouter:
    """One BIRD, with its files in `directory`: a `lab.vendors.ForeignRouter`."""

    def __init__(self, node: NodePlan, directory: str) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self._node, self._bgp = node, node.bgp
        self._own = None if node.speaker is None else node.speaker.config
        self._at = f"{directory}/{_FILE}"
        self._control = f"{directory}/bird.ctl"
        if self._own is None:
            self._names = [protocol_of(session) for session in node.bgp.sessions]
        else:
            self._names = [one.strip("'") for one in _BGP.findall(_COMMENTS.sub("", self._own.text))]

    def files(self) -> tuple[File, ...]:
        """bird.conf."""
        if self._own is not None:
            return (File(name=_FILE, text=self._own.text, origin=self._own.file),)
        return (File(name=_FILE, text=Configuration(self._node, self._bgp).text),)

    def checks(self) -> tuple[Check, ...]:
        """`bird -p` reads it and ends."""
        place = r"bird: \S+?:(?P<line>\d+):\d+ "
        return (Check(command=("bird", "-p", "-c", self._at), file=_FILE, place=place),)

    def daemons(self) -> tuple[Command, ...]:
        """One program, in the foreground, with a control socket of its own."""
        return (("bird", "-f", "-c", self._at, "-s", self._control),)

    def questions(self) -> tuple[Command, ...]:
        """All in one, so that they are answered together."""
        asked = ["show protocols all", "show bfd sessions", "show route all table all"]
        for name in self._names:
            for channel in ("ipv4", "ipv6"):
                asked += [f"show route {way} table '{name}'.{channel}" for way in ("import", "export")]
        if self._own is None:
            asked += [f"show route all export kernel{version}" for version in (4, 6)]
        return (("sh", "-c", _FEED, self._control, *asked, _END),)

    def tables(self, answers: tuple[str, ...]) -> ForeignTables:
        """The tables. Raises VendorError where birdcl printed something else."""
        told = output.answers("\n".join(answers))
        if _END not in told or not told[_END].lines or told[_END].error:
            raise VendorError(f"BIRD did not answer everything: {' '.join(answers)[-200:]!r}")
        protocols = {one.peer: one for one in output.bgp_protocols(told["show protocols all"])}
        bfd = output.bfd_sessions(told["show bfd sessions"])
        sessions = []
        for session in self._bgp.sessions:
            protocol = protocols.get(session.peer_address)
            if protocol is None:
                missing = f"BIRD has no protocol for the neighbour {session.peer_address}"
                sessions.append(ForeignSession(session=session.name, established=False, why_down=missing))
                continue
            names = {
                way: told.get(f"show route {way} table '{protocol.name}'.{session.family.value}")
                for way in ("import", "export")
            }
            received, advertised = (
                output.prefixes(one) if one is not None and not one.error else None for one in names.values()
            )
            up = protocol.established
            sessions.append(
                ForeignSession(
                    session=session.name,
                    established=up,
                    why_down="" if up else _why_down(session, protocol),
                    received=received if up else frozenset(),
                    advertised=advertised if up else frozenset(),
                    bfd=bfd.get(session.peer_address) if session.bfd is not None else None,
                )
            )
        return ForeignTables(sessions=tuple(sessions), paths=tuple(self._paths(told, protocols)))

    def _paths(
        self, told: dict[str, output.Answer], protocols: dict[Address | None, output.BirdProtocol]
    ) -> Iterator[ForeignPath]:
        """The routes of the tables that BGP's protocols share, with the ways that the kernel was given."""
        shared = {table for one in protocols.values() for table in one.tables}
        by_peer = {session.peer_address: session.name for session in self._bgp.sessions}
        by_name = {one.name: by_peer.get(peer, one.name) for peer, one in protocols.items() if peer is not None}
        ways: dict[object, tuple[Address, ...]] = {}
        for version in (4, 6):
            answer = told.get(f"show route all export kernel{version}")
            ways |= {one.route.prefix: one.gateways for one in output.routes(answer)} if answer else {}
        for one in output.routes(told["show route all table all"]):
            if one.table not in shared or one.protocol == POOLS:
                continue
            session = by_name.get(one.protocol, "")
            route: Route = one.route
            if self._own is not None and session:
                route = replace(route, weight=0)  # there its preference is no weight of a policy's
            merged = bool(session) and not set(one.gateways).isdisjoint(ways.get(route.prefix, ()))
            yield ForeignPath(route=route, session=session, best=one.best, forwarding=one.best or merged)

    def commands(self, order: Order) -> tuple[Command, ...] | None:
        """BIRD takes a new configuration as a whole; it asks nobody for routes that it has kept itself."""
        if isinstance(order, Reload):
            return (("birdcl", "-s", self._control, "configure"),)
        if isinstance(order, Reset) and self._own is None:
            return (("birdcl", "-s", self._control, f"restart '{protocol_of(order.session)}'"),)
        return None


def _why_down(session: SessionPlan, protocol: output.BirdProtocol) -> str:
    """BIRD's last error; what the plan asks for in the words of the lab's own router."""
    rules = session.rules
    if rules.shutdown:
        return f"shut down: {rules.shutdown}"
    if rules.max_prefix is not None and protocol.limits_hit:
        return _over(rules.max_prefix)
    return protocol.last_error or f"BIRD is in state {protocol.state}"


def _over(limit: MaxPrefix) -> str:
    prefixes = "1 prefix was" if limit.limit == 1 else f"{limit.limit} prefixes were"
    return f"more than {prefixes} {limit.counted.value} (RFC 4486 §4, subcode 1)"


BIRD = Vendor(
    name="BIRD 2",
    programs=("bird", "birdcl"),
    package="bird2",
    directories=("/usr/sbin",),
    fidelity="",
    cannot=cannot,
    router=BirdRouter,
)
"""BIRD, for `lab.vendors.every`."""
