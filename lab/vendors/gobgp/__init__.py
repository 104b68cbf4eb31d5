"""GoBGP as a customer edge: its configuration, rendered or the user's own, and its tables.

Written for GoBGP 3.10, that of Debian 12. What it does otherwise than the lab's own router, and what it cannot do:
docs/decisions/0030-gobgp.md.
"""

from __future__ import annotations

from lab.bgp import Family
from lab.plan import BgpPlan, NodePlan, SessionPlan
from lab.vendors import Check, Command, File, ForeignTables, Order, Reset, Step, Vendor
from lab.vendors.gobgp import answers
from lab.vendors.gobgp.configuration import configuration
from lab.vendors.gobgp.limits import cannot

_TYPES = {"toml": "toml", "yaml": "yaml", "yml": "yaml", "json": "json"}
_REFUSED = r"\((?P<line>\d+), \d+\)"


class GobgpRouter:
    """One router that is GoBGP, with its files in `directory`: `lab.vendors.ForeignRouter`.

    Its API, by which `gobgp` asks it, is a socket in that directory: nothing listens to the lab's wires but BGP.
    """

    def __init__(self, node: NodePlan, directory: str) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self._node, self._bgp = node, node.bgp
        self._own = None if node.speaker is None else node.speaker.config
        ending = "toml" if self._own is None else self._own.file.rpartition(".")[2].lower()
        self._type = _TYPES.get(ending, "toml")
        self._file = f"gobgpd.{self._type}"
        self._at = f"{directory}/{self._file}"
        self._api = f"unix://{directory}/api"
        self._gobgp = ("gobgp", "--target", self._api)

    def prepare(self) -> Step:
        """The configuration. A dry run of gobgpd finds what it cannot read, and keys that it does not know."""
        if self._own is not None:
            file = File(name=self._file, text=self._own.text, origin=self._own.file)
        else:
            file = File(name=self._file, text=configuration(self._bgp))
        return Step(files=(file,), checks=(self._check(*self._gobgpd(), "--dry-run"),))

    def _check(self, *command: str) -> Check:
        return Check(command=command, file=self._file, place=_REFUSED)

    def _gobgpd(self) -> Command:
        return ("gobgpd", "--config-file", self._at, "--config-type", self._type, "--log-plain", "--pprof-disable")

    def daemons(self) -> tuple[Command, ...]:
        """One program, in the foreground."""
        return ((*self._gobgpd(), "--api-hosts", self._api),)

    def configure(self, running: BgpPlan | None) -> Step | None:
        """The own networks, which no configuration of GoBGP's can hold. It cannot change policies without a reset.

        For it takes back no route that a new export policy rejects (its policy.md, "Policy and Soft Reset").
        """
        if running is None:
            return Step(checks=tuple(self._rib("add", family, one) for family, one in _networks(self._bgp)))
        if self._own is None and configuration(running) != configuration(self._bgp):
            return None
        before, after = dict.fromkeys(_networks(running)), dict.fromkeys(_networks(self._bgp))
        gone = [self._rib("del", family, one) for family, one in before if (family, one) not in after]
        come = [self._rib("add", family, one) for family, one in after if (family, one) not in before]
        return Step(checks=(*gone, *come))

    def _rib(self, verb: str, family: Family, network: str) -> Check:
        origin = ("origin", "igp") if verb == "add" else ()
        return self._check(*self._gobgp, "global", "rib", verb, "--address-family", family.value, network, *origin)

    def questions(self) -> tuple[Command, ...]:
        """The neighbours, the RIB of each family, and the Adj-RIBs of each session."""
        return tuple(
            (*self._gobgp, *asked, "--json")
            for asked in (
                ("neighbor",),
                *(("global", "rib", "--address-family", family.value) for family in self._families),
                *(_adj_rib(session, way) for way in ("adj-in", "adj-out") for session in self._bgp.sessions),
            )
        )

    @property
    def _families(self) -> tuple[Family, ...]:
        return tuple(dict.fromkeys(session.family for session in self._bgp.sessions))

    def tables(self, printed: tuple[str, ...]) -> ForeignTables:
        """The tables. Raises VendorError."""
        ribs, names = len(self._families), [session.name for session in self._bgp.sessions]
        adj_ribs = printed[1 + ribs :]
        told = answers.Answers(
            neighbors=printed[0],
            ribs=printed[1 : 1 + ribs],
            received=dict(zip(names, adj_ribs, strict=False)),
            advertised=dict(zip(names, adj_ribs[len(names) :], strict=True)),
        )
        return answers.tables(self._node, told)

    def commands(self, order: Order) -> tuple[Command, ...] | None:
        """GoBGP cannot be made to ask for routes again: it goes through those that it has kept."""
        if isinstance(order, Reset):
            return ((*self._gobgp, "neighbor", str(order.session.peer_address), "reset"),)
        return None


def _networks(bgp: BgpPlan) -> list[tuple[Family, str]]:
    return [(Family.IPV4 if one.version == 4 else Family.IPV6, str(one)) for one in bgp.networks]


def _adj_rib(session: SessionPlan, way: str) -> Command:
    return ("neighbor", str(session.peer_address), way, "--address-family", session.family.value)


def _router(node: NodePlan, directory: str) -> GobgpRouter:
    return GobgpRouter(node, directory)


GOBGP = Vendor(
    name="GoBGP",
    programs=("gobgpd", "gobgp"),
    package="gobgpd",
    installs_routes=False,
    fidelity="GoBGP: the lab puts its best routes into the kernel, and gives it the router's own networks",
    cannot=cannot,
    router=_router,
)
