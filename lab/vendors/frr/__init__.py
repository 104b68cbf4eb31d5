"""FRR: zebra, bgpd and bfdd, configured and asked through vtysh (FRR 8.4, as Debian 12 has it)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lab.plan import BgpPlan, NodePlan
from lab.vendors import (
    OWN_USER,
    AskAgain,
    Cannot,
    Check,
    Command,
    Daemon,
    File,
    ForeignTables,
    Order,
    Reset,
    Step,
    Vendor,
)
from lab.vendors.frr import config, tables

CONFIG, FIRST, EMPTY, CHANGES = "frr.conf", "first.conf", "vtysh.conf", "changes.conf"
_PLACE = r"^line (?P<line>\d+): (?P<words>[^\[:]*)"


class FrrRouter:
    """One router that is FRR: `lab.vendors.ForeignRouter`."""

    def __init__(self, node: NodePlan, directory: str) -> None:
        self._node = node
        self._directory = directory
        self._own = node.speaker.config if node.speaker else None
        self._vtysh = ("vtysh", "--config_dir", directory, "--vty_socket", directory)

    def prepare(self) -> Step:
        """The configuration, and what the daemons begin with: route maps are not to wait for five seconds.

        Vtysh tells whether it knows every line, in the block that it is in.
        """
        if self._own is not None:
            configured = File(name=CONFIG, text=self._own.text.value, origin=self._own.file)
        else:
            configured = File(name=CONFIG, text=config.configuration(self._node).text)
        files = (configured, File(name=FIRST, text="bgp route-map delay-timer 0\n"), File(name=EMPTY, text=""))
        return Step(files=files, checks=(self._check(CONFIG, "-C"),))

    def configure(self, running: BgpPlan | None) -> Step | None:
        """Vtysh hands the daemons the lines one by one, and tells of those that they refuse."""
        if running is None:
            return Step(checks=(self._check(CONFIG),))
        if self._own is not None:
            return None
        before = config.configuration(replace(self._node, bgp=running))
        changes = File(name=CHANGES, text=before.changed_to(config.configuration(self._node)))
        return Step(files=(changes,), checks=(self._check(CHANGES),))

    def _check(self, file: str, *options: str) -> Check:
        return Check(command=(*self._vtysh, *options, "-f", self._at(file)), file=file, place=_PLACE)

    def daemons(self) -> tuple[Daemon, ...]:
        """The daemons, with nothing but their addresses for one another."""
        sessions = self._node.bgp.sessions if self._node.bgp else ()
        zserv = ("-z", self._at("zserv.api"))
        found = [("zebra", *self._options("zebra", EMPTY), *zserv), ("bgpd", *self._options("bgpd", FIRST), *zserv)]
        if self._own is not None or any(session.bfd for session in sessions):
            found.append(("bfdd", *self._options("bfdd", EMPTY), *zserv, "--bfdctl", self._at("bfdd.sock")))
        if self._own is not None:
            found.append(("staticd", *self._options("staticd", EMPTY), *zserv))
        return tuple(Daemon(command=one, ready=f"{one[0]}.vty") for one in found)

    def _options(self, program: str, first: str) -> tuple[str, ...]:
        user = ("-u", OWN_USER, "-g", OWN_USER)
        pid, vty = ("-i", self._at(f"{program}.pid")), ("--vty_socket", self._directory, "--vty_port", "0")
        return ("-f", self._at(first), *pid, *vty, *user, "--log", "stdout")

    def _at(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def questions(self) -> tuple[Command, ...]:
        """One call of vtysh: it takes longer to start than to answer."""
        asked = (word for command in tables.commands(self._node) for word in ("-c", command))
        return ((*self._vtysh, "-E", *asked),)

    def tables(self, answers: tuple[str, ...]) -> ForeignTables:
        """The tables. Raises VendorError."""
        return tables.tables(self._node, answers[0])

    def commands(self, order: Order) -> tuple[Command, ...] | None:
        """What vtysh is told."""
        match order:
            case Reset(session=session):
                return ((*self._vtysh, "-c", f"clear bgp {session.family.value} {session.peer_address}"),)
            case AskAgain(session=session):
                if self._own is not None and _keeps_what_comes(self._own.text.value, str(session.peer_address)):
                    return None
                family = f"{session.family.value} unicast"
                return ((*self._vtysh, "-c", f"clear bgp {family} {session.peer_address} in"),)

    def refusal(self, answers: tuple[str, ...]) -> str:
        """The lines behind a `%`; beside them vtysh may speak of other things, and of what was done it says nothing."""
        said = [line.strip() for answer in answers for line in answer.splitlines()]
        return " ".join(line for line in said if line.startswith("%"))


def _keeps_what_comes(text: str, peer: str) -> bool:
    """Whether a configuration has FRR keep what a neighbour sends: then `clear bgp ... in` asks nobody for anything."""
    keeping = re.findall(r"^\s*neighbor (\S+) soft-reconfiguration inbound", text, re.MULTILINE)
    groups = re.findall(rf"^\s*neighbor {re.escape(peer)} peer-group (\S+)", text, re.MULTILINE | re.IGNORECASE)
    return not {peer, *groups}.isdisjoint(one.lower() if ":" in one else one for one in keeping)


def _router(node: NodePlan, directory: str) -> FrrRouter:
    return FrrRouter(node, directory)


def _cannot(node: NodePlan) -> Iterator[Cannot]:
    if node.speaker is None or node.speaker.config is None:
        yield from config.cannot(node)


FRR = Vendor(
    name="FRR",
    programs=("zebra", "bgpd", "bfdd", "staticd", "vtysh"),
    package="frr",
    directories=("/usr/lib/frr",),
    reconfigures=True,
    keeps_routes="by `soft-reconfiguration inbound`",
    capabilities=("SYS_ADMIN",),  # zebra 8.4 asks for it at its start, whatever it is to do
    cannot=_cannot,
    router=_router,
)
