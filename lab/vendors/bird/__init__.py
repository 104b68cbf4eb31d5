"""BIRD 2 as a customer edge: its configuration, rendered or the user's own, and its tables.

Written for BIRD 2.0.12, that of Debian 12. What it does otherwise than the lab's own router, and what it cannot do:
docs/decisions/0029-bird.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lab.bfd import BfdStatus
from lab.bgp import Address, Family
from lab.plan import BgpPlan, NodePlan, SessionPlan
from lab.vendors import (
    AskAgain,
    Cannot,
    Check,
    Command,
    Daemon,
    File,
    ForeignPath,
    ForeignSession,
    ForeignTables,
    Order,
    Reset,
    Step,
    Vendor,
    VendorError,
)
from lab.vendors.bird import output
from lab.vendors.bird.configuration import Configuration
from lab.vendors.bird.filters import protocol_of
from lab.vendors.bird.output import BirdProtocol

_FILE, _CONTROL = "bird.conf", "bird.ctl"
_REFUSED = r"^(?:bird: )?/.*?:(?P<line>\d+):\d+ (?P<words>.*)"
_BGP = re.compile(r"""^\s*protocol\s+bgp\s+('[^'\n]+'|[A-Za-z_]\w*)""", re.MULTILINE)
_GREETING = re.compile(r"BIRD .* ready\.|$")
_DONE = (": reloading", ": restarted")
_COMMENTS = re.compile(r"/\*.*?\*/|#[^\n]*", re.DOTALL)
_LAST = "show status"
"""The last question: its answer shows that none is missing."""
_PROTOCOLS, _BFD, _ROUTES = "show protocols all", "show bfd sessions", "show route all table all"
_WAYS = ("import", "export")
_FORWARDED = ("show route all export kernel4", "show route all export kernel6")
_FEED = """printf '%s\\n' "$@" | PATH=$PATH:/usr/sbin birdcl -v -s "$0" """
"""One birdcl for all questions: each would take a process of its own otherwise."""


def cannot(node: NodePlan) -> Iterator[Cannot]:
    """What a rendered configuration cannot say of a node's plan."""
    if node.bgp is not None and (node.speaker is None or node.speaker.config is None):
        yield from dict.fromkeys(Configuration(node, node.bgp).cannot)


class BirdRouter:
    """One router that is BIRD: `lab.vendors.ForeignRouter`."""

    def __init__(self, node: NodePlan, directory: str) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self._node, self._bgp = node, node.bgp
        self._own = None if node.speaker is None else node.speaker.config
        self._config, self._control = f"{directory}/{_FILE}", f"{directory}/{_CONTROL}"
        self._keep_nothing: set[str] = set()  # the sessions without an import table, as BIRD says
        self._by_peer: dict[Address, str] = {}  # of a configuration of the user's own, as soon as BIRD tells them
        if self._own is None:
            self._by_peer = {session.peer_address: protocol_of(session) for session in node.bgp.sessions}
            self._names = list(self._by_peer.values())
        else:
            self._names = [one.strip("'") for one in _BGP.findall(_COMMENTS.sub("", self._own.text.value))]

    def prepare(self) -> Step:
        """bird.conf; `bird -p` reads it and ends."""
        if self._own is not None:
            file = File(name=_FILE, text=self._own.text.value, origin=self._own.file)
        else:
            file = File(name=_FILE, text=Configuration(self._node, self._bgp).text)
        return Step(files=(file,), checks=(self._check("bird", "-p", "-c", self._config),))

    def daemons(self) -> tuple[Daemon, ...]:
        """One program, with a control socket of its own."""
        return (Daemon(command=("bird", "-f", "-c", self._config, "-s", self._control), ready=_CONTROL),)

    def configure(self, running: BgpPlan | None) -> Step | None:
        """BIRD reads its file again, and runs changed filters on what it has: no session ends."""
        if running is None or self._own is not None:
            return None
        step = self.prepare()
        return replace(step, checks=(*step.checks, self._check("birdcl", "-s", self._control, "configure")))

    @staticmethod
    def _check(*command: str) -> Check:
        return Check(command=command, file=_FILE, place=_REFUSED)

    def questions(self) -> tuple[Command, ...]:
        """All in one, so that they are answered together."""
        asked = [_PROTOCOLS, _BFD, _ROUTES]
        asked += [f"show route {way} table {channel}" for way in _WAYS for channel in self._channels()]
        if self._own is None:
            asked += _FORWARDED
        return (("sh", "-c", _FEED, self._control, *asked, _LAST),)

    def _channels(self) -> Iterator[str]:
        """Those of BGP's protocols, by BIRD's default names."""
        for name in self._names:
            yield from (f"'{name}'.{family.value}" for family in Family)

    def tables(self, answers: tuple[str, ...]) -> ForeignTables:
        """The tables. Raises VendorError."""
        told = output.answers("\n".join(answers))
        if _LAST not in told or not told[_LAST].lines:
            raise VendorError(f"birdcl did not answer everything: {' '.join(answers)[-200:]!r}")
        protocols = {one.peer: one for one in output.bgp_protocols(told[_PROTOCOLS]) if one.peer is not None}
        self._by_peer |= {peer: one.name for peer, one in protocols.items()}
        self._names = list(dict.fromkeys((*self._names, *self._by_peer.values())))  # one in an included file, say
        self._keep_nothing = {
            one.name
            for one in self._bgp.sessions
            if one.peer_address in protocols and _has_no_import_table(protocols[one.peer_address], one.family, told)
        }
        bfd = output.bfd_sessions(told[_BFD])
        sessions = tuple(self._session(session, protocols, bfd, told) for session in self._bgp.sessions)
        paths = tuple(self._paths(told, protocols))
        pending = [f"BIRD says: {text}" for _, text in told[_LAST].lines if "in progress" in text]
        pending += output.cut_short(told[_ROUTES])
        return ForeignTables(sessions=sessions, paths=paths, pending=tuple(pending))

    @staticmethod
    def _session(
        session: SessionPlan,
        protocols: Mapping[Address, BirdProtocol],
        bfd: Mapping[Address, BfdStatus],
        told: Mapping[str, output.Answer],
    ) -> ForeignSession:
        protocol = protocols.get(session.peer_address)
        if protocol is None:
            missing = f"BIRD has no protocol for the neighbour {session.peer_address}"
            return ForeignSession(session=session.name, established=False, why_down=missing)
        listed = [told.get(f"show route {way} table '{protocol.name}'.{session.family.value}") for way in _WAYS]
        received, advertised = (None if one is None or one.error else output.prefixes(one) for one in listed)
        up = protocol.established
        return ForeignSession(
            session=session.name,
            established=up,
            why_down="" if up else _why_down(session, protocol),
            received=received if up else None,
            advertised=advertised if up else None,
            bfd=bfd.get(session.peer_address) if session.bfd is not None else None,
        )

    def _paths(
        self, told: Mapping[str, output.Answer], protocols: Mapping[Address, BirdProtocol]
    ) -> Iterator[ForeignPath]:
        """The routes of the tables that BGP's protocols share, with the ways that the kernel was given."""
        shared = {table for one in protocols.values() for table in one.tables}
        by_peer = {session.peer_address: session.name for session in self._bgp.sessions}
        by_name = {one.name: by_peer[peer] for peer, one in protocols.items() if peer in by_peer}
        forwarded = [one for question in _FORWARDED if question in told for one in output.routes(told[question])]
        ways = {one.route.prefix: set(one.gateways) for one in forwarded}
        for one in output.routes(told[_ROUTES]):
            if one.table not in shared:
                continue
            session = by_name.get(one.protocol, "")
            merged = bool(session) and not ways.get(one.route.prefix, set()).isdisjoint(one.gateways)
            route = one.route
            if self._own is not None and session:
                route = replace(route, weight=0)  # there a preference is no weight of a policy's
            yield ForeignPath(route=route, session=session, best=one.best, forwarding=one.best or merged)

    def commands(self, order: Order) -> tuple[Command, ...] | None:
        """What birdcl is told. Where it has an import table `reload in` takes the routes from there."""
        name = self._by_peer.get(order.session.peer_address)
        if isinstance(order, AskAgain) and order.session.name not in self._keep_nothing:
            return None
        told = "restart" if isinstance(order, Reset) else "reload in"
        return () if name is None else (("birdcl", "-s", self._control, f"{told} '{name}'"),)

    def refusal(self, answers: tuple[str, ...]) -> str:
        """What birdcl says instead of what BIRD does; its status is 0 all the same."""
        said = [line.strip() for answer in answers for line in answer.splitlines() if not _GREETING.match(line)]
        if any(line.endswith(_DONE) for line in said):
            return ""
        return " ".join(said) or "BIRD has no protocol for that neighbour"


def _has_no_import_table(protocol: BirdProtocol, family: Family, told: Mapping[str, output.Answer]) -> bool:
    answer = told.get(f"show route import table '{protocol.name}'.{family.value}")
    return answer is not None and answer.error.startswith("No import table")


def _why_down(session: SessionPlan, protocol: BirdProtocol) -> str:
    if session.rules.shutdown:
        return f"shut down: {session.rules.shutdown}"
    return protocol.last_error or "BIRD has no connection"  # how far it is with one changes all the time


BIRD = Vendor(
    name="BIRD",
    programs=("bird", "birdcl"),
    package="bird2",
    reconfigures=True,
    keeps_routes="by `import table on`",
    cannot=cannot,
    router=BirdRouter,
)
