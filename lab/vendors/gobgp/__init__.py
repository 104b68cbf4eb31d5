"""GoBGP as a customer edge: its configuration, rendered or the user's own, and its tables.

Written for GoBGP 3.10, that of Debian 12. What it does otherwise than the lab's own router, and what it cannot do:
docs/decisions/0030-gobgp.md.
"""

from __future__ import annotations

from dataclasses import replace

from lab.bgp import Prefix, family_of
from lab.plan import BgpPlan, NodePlan
from lab.vendors import Check, Command, Daemon, File, ForeignTables, Order, Reset, Step, Vendor
from lab.vendors.gobgp.answers import tables
from lab.vendors.gobgp.configuration import configuration
from lab.vendors.gobgp.limits import cannot

_TYPES = {"toml": "toml", "yaml": "yaml", "yml": "yaml", "json": "json"}
_PLACE = r"""(?:config: \(|yaml: line )(?P<line>\d+)(?:, \d+\))?: (?P<words>[^,"]*)"""
_REFUSED_AT_START = r"Topic=config|initial config"
_BEGUN = """
tries=0
while told=$("$1" "$2" "$3" neighbor 2>&1); do
  [ "$(printf '%s\\n' "$told" | wc -l)" -gt "$0" ] && exit
  tries=$((tries + 1))
  [ $tries -gt 200 ] && echo "gobgpd runs, and does not know the $0 neighbours of its configuration" && exit 1
  sleep 0.02
done
shift 3
timeout 2 "$@" | sed -n 's/.* level=fatal msg=//p'
exit 1
"""
"""Wait until gobgpd knows so many neighbours; where it has ended, hear from another one why."""


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
            file = File(name=self._file, text=self._own.text.value, origin=self._own.file)
        else:
            file = File(name=self._file, text=configuration(self._bgp))
        return Step(files=(file,), checks=(self._check(*self._gobgpd(), "--dry-run"),))

    def _check(self, *command: str) -> Check:
        return Check(command=command, file=self._file, place=_PLACE)

    def _gobgpd(self) -> Command:
        return ("gobgpd", "--config-file", self._at, "--config-type", self._type, "--log-plain", "--pprof-disable")

    def daemons(self) -> tuple[Daemon, ...]:
        """One program."""
        return (Daemon(command=(*self._gobgpd(), "--api-hosts", self._api), ready="api"),)

    def configure(self, running: BgpPlan | None) -> Step | None:
        """Wait for it to know its neighbours, and give it the own networks, which its configuration cannot hold.

        Other policies take another router: GoBGP takes back no route that a new export policy rejects (its policy.md,
        "Policy and Soft Reset").
        """
        if running is not None:
            return None
        again = (*self._gobgpd(), "--api-hosts", f"{self._api}-again")
        begun = self._check("sh", "-c", _BEGUN, str(self._neighbors()), *self._gobgp, *again)
        begun = replace(begun, refusal=_REFUSED_AT_START)
        return Step(checks=(begun, *map(self._network, self._bgp.networks)))

    def _neighbors(self) -> int:
        """How many neighbours gobgpd has to know at least: a configuration of the user's own may leave some out."""
        planned = len(self._bgp.sessions)
        return planned if self._own is None else min(planned, self._own.text.value.lower().count("neighbor-address"))

    def _network(self, network: Prefix) -> Check:
        where = ("--address-family", family_of(network).value, str(network), "origin", "igp")
        return self._check(*self._gobgp, "global", "rib", "add", *where)

    def questions(self) -> tuple[Command, ...]:
        """The neighbours, and the RIB of each family."""
        families = dict.fromkeys(session.family for session in self._bgp.sessions)
        ribs = (("global", "rib", "--address-family", family.value) for family in families)
        return tuple((*self._gobgp, *asked, "--json") for asked in (("neighbor",), *ribs))

    def tables(self, answers: tuple[str, ...]) -> ForeignTables:
        """The tables. Raises VendorError."""
        neighbors, *ribs = answers
        return tables(self._node, neighbors, ribs)

    def commands(self, order: Order) -> tuple[Command, ...] | None:
        """GoBGP cannot be made to ask for routes again: it goes through those that it has kept."""
        if isinstance(order, Reset):
            return ((*self._gobgp, "neighbor", str(order.session.peer_address), "reset"),)
        return None

    def refusal(self, answers: tuple[str, ...]) -> str:
        """It ends with another status where it refuses."""
        del answers
        return ""


def _router(node: NodePlan, directory: str) -> GobgpRouter:
    return GobgpRouter(node, directory)


GOBGP = Vendor(
    name="GoBGP",
    programs=("gobgpd", "gobgp"),
    package="gobgpd",
    installs_routes=False,
    keeps_routes="always",
    cannot=cannot,
    router=_router,
)
