"""Rules of sessions beside FRR's options of a neighbour: each neighbour is sent the same routes.

A scenario is a router with its neighbours, what some of them send, and a rule in our words and in FRR's. bgpd plays it
with real sessions, our router in memory. Where FRR means something else, `DIFFERENCES` holds what it does, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from frr import Frr, Neighbor, running_frr
from lab.bgp import Counted, MaxPrefix, Prefix
from lab.events import CEASE_MAXIMUM_PREFIXES, CloseSession
from lab.policy import SessionRules
from lab_processes import await_
from networks import OPEN, policies
from oracle_router import OWN_ASN, ROUTER_ID, neighbor_lines
from session_scenarios import (
    MARK,
    OWN,
    PEERS,
    SCENARIOS,
    Scenario,
    Tables,
    apart,
    bodies,
    by_prefix,
    by_us,
    play,
    route,
    tagged,
)

OWN_MED = "FRR gives what it originates a MED of 0; we give it none (RFC 4271 §5.1.4 asks for none)"
REFLECTED_MED = "FRR adds a MED of 0 to what it reflects without one; a reflector changes no MED (RFC 4456 §10)"
OUTSIDE_LOOP = "FRR looks for loops in attributes that an external neighbour sent; RFC 7606 §7.9 and §7.10 discard them"
ALL_PRIVATE = "FRR's plain form acts on paths that are private as a whole; our `leading` on the front of every path"
RESERVED = "FRR takes 65535 for private; it is reserved (RFC 6996 §5, RFC 7300)"
PEER_STAYS = "FRR leaves the neighbour's own AS in the path, so that the neighbour refuses its own routes"
ATOMIC = "FRR marks every aggregate without as-set, and none with it; we follow RFC 4271 §5.1.6 and §9.2.2.2"
DIFFERENCES: Mapping[str, tuple[tuple[str, ...], Mapping[str, int]]] = {
    "an own network": ((OWN_MED,), {"multi_exit_disc": 6}),
    "graceful shutdown": ((REFLECTED_MED,), {"multi_exit_disc": 1}),
    "reflection to a client": ((REFLECTED_MED,), {"multi_exit_disc": 2}),
    "reflection from a client": ((REFLECTED_MED,), {"multi_exit_disc": 1}),
    "reflection attributes from outside": ((OUTSIDE_LOOP,), {"fate": 5}),
    "next-hop-self": ((REFLECTED_MED,), {"multi_exit_disc": 1}),
    "remove-private-AS": ((ALL_PRIVATE,), {"as_path": 2}),
    "remove-private-AS all": ((RESERVED,), {"as_path": 1}),
    "remove-private-AS all replace-AS": ((RESERVED,), {"as_path": 1}),
    "remove-private-AS all to one of them": ((RESERVED, PEER_STAYS), {"as_path": 4}),
    "default-originate": ((OWN_MED,), {"multi_exit_disc": 2}),
    "default-originate beside a learned default": ((OWN_MED,), {"multi_exit_disc": 1}),
    "aggregate": ((OWN_MED,), {"multi_exit_disc": 6}),
    "aggregate summary-only": ((OWN_MED,), {"multi_exit_disc": 6}),
    "aggregate as-set": ((OWN_MED, ATOMIC), {"multi_exit_disc": 6, "atomic_aggregate": 6}),
    "aggregate of an own network": ((OWN_MED, ATOMIC), {"multi_exit_disc": 12, "atomic_aggregate": 6}),
    "aggregate inside an aggregate": ((OWN_MED,), {"multi_exit_disc": 12}),
    "aggregate of a prefix that is learned too": ((OWN_MED,), {"multi_exit_disc": 6}),
}
"""In which attributes of how many routes FRR differs, and why; `fate` stands for routes that only one of both sends."""


# FRR


def configuration(scenario: Scenario) -> str:
    """FRR's configuration of a scenario; in its lines neighbours stand by name."""
    lines = [f"router bgp {OWN_ASN}", f"bgp router-id {ROUTER_ID}", "no bgp ebgp-requires-policy"]
    lines += ["no bgp network import-check", "bgp bestpath compare-routerid", "coalesce-time 0"]
    lines += neighbor_lines(PEERS)
    lines += ["address-family ipv4 unicast", f"network {OWN}"]
    lines += [_with_addresses(line) for line in scenario.frr.splitlines()]
    return "\n".join(lines)


def _with_addresses(line: str) -> str:
    words = line.split()
    if words[0] == "neighbor":
        words[1] = PEERS[words[1]].address
    return " ".join(words)


@pytest.fixture(scope="module")
def frr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frr]:
    """One bgpd for all scenarios, each of which configures it anew."""
    with running_frr(tmp_path_factory.mktemp("frr")) as running:
        yield running


def prepare(frr: Frr, scenario: Scenario) -> dict[str, Neighbor]:
    """Have FRR play a scenario; the answer is the neighbours."""
    frr.disconnect()
    frr.takes(f"no router bgp {OWN_ASN}")
    frr.configure(configuration(scenario))
    speakers = {name: frr.connect(one.address, one.asn, one.router_id) for name, one in PEERS.items()}
    for name, sent in bodies(scenario):
        speakers[name].send(*sent)
    return speakers


def by_frr(frr: Frr, scenario: Scenario) -> Tables:
    """What FRR sends each neighbour. It sends one outside its own routes back too, which are left out."""
    speakers = prepare(frr, scenario)
    senders = {PEERS[name].address for name in scenario.sent}
    await_(lambda: {path.peer for path in frr.paths().get(MARK, ())} >= senders, "the routes")
    for one in speakers.values():
        one.ask_for_table()
    best = {prefix: path.peer for prefix, paths in frr.paths().items() for path in paths if path.best}
    tables = {name: one.table(ebgp=PEERS[name].ebgp) for name, one in speakers.items()}
    return {
        name: by_prefix({one: found for one, found in table.items() if best.get(one) != PEERS[name].address})
        for name, table in tables.items()
    }


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_neighbour_is_sent_the_same(frr: Frr, name: str) -> None:
    """FRR and our router send each neighbour the same routes, but for the differences that are explained."""
    _, expected = DIFFERENCES.get(name, ((), {}))
    assert apart(by_frr(frr, SCENARIOS[name]), by_us(SCENARIOS[name])) == expected


def test_every_difference_is_of_a_scenario() -> None:
    """The list of differences names scenarios that there are."""
    assert DIFFERENCES.keys() - SCENARIOS.keys() == set()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("as-override", "no as-override"),
        ("next-hop-self", "no next-hop-self"),
        ("reflection to a client", "no reflection"),
        ("aggregate summary-only", "aggregate"),
    ],
)
def test_the_comparison_can_fail(frr: Frr, name: str, other: str) -> None:
    """The negative control: a router without the rule does not send the same."""
    without = replace(SCENARIOS[other], sent=SCENARIOS[name].sent, networks=SCENARIOS[name].networks)
    _, explained = DIFFERENCES.get(name, ((), {}))
    assert apart(by_frr(frr, SCENARIOS[name]), by_us(without)) not in ({}, explained)


THREE = {"a": tuple(route(f"10.{number}.0.0/16", "65001", **tagged(f"1:{number}")) for number in (1, 2, 3))}
ONLY_TWO = policies("policies: {two: [{match: {community: 1:3}, then: reject}, {then: accept}]}")["two"]
FRR_ONLY_TWO = """
bgp community-list standard three permit 1:3
route-map two deny 10
 match community three
route-map two permit 20
"""


@pytest.mark.parametrize(
    ("words", "limit", "closes"),
    [
        ("maximum-prefix 4", MaxPrefix(limit=4, counted=Counted.ACCEPTED), False),
        ("maximum-prefix 2", MaxPrefix(limit=2, counted=Counted.ACCEPTED), True),
        ("maximum-prefix 3", MaxPrefix(limit=3, counted=Counted.ACCEPTED), False),
        ("maximum-prefix 3 force", MaxPrefix(limit=3), True),
        ("maximum-prefix 4 force", MaxPrefix(limit=4), False),
        ("maximum-prefix 2 warning-only", MaxPrefix(limit=2, counted=Counted.ACCEPTED, warning_only=True), False),
    ],
)
def test_a_prefix_limit(frr: Frr, words: str, limit: MaxPrefix, *, closes: bool) -> None:
    """Of four prefixes the policy accepts three; more than the limit end the session with Cease, subcode 1.

    FRR counts before it adds, and so sees one prefix too many only with the next UPDATE.
    """
    rules = SessionRules(import_policies=(ONLY_TWO,), export_policies=OPEN.export_policies, max_prefix=limit)
    lines = f"neighbor a soft-reconfiguration inbound\nneighbor a route-map two in\nneighbor a {words}"
    scenario = Scenario(sent=THREE, rules={"a": rules}, frr=lines)
    frr.configure(FRR_ONLY_TWO)
    speakers = prepare(frr, scenario)
    if closes:
        speakers["a"].send(*dict(bodies(scenario))["a"])
        assert speakers["a"].awaits_notification() == (6, CEASE_MAXIMUM_PREFIXES)
    else:
        await_(lambda: len(_learned(frr)) == 3, "the accepted routes")
    _, effects = play(scenario)
    closed = [effect.subcode for effect in effects if isinstance(effect, CloseSession)]
    assert closed == [CEASE_MAXIMUM_PREFIXES] * closes


def _learned(frr: Frr) -> list[Prefix]:
    address = PEERS["a"].address
    return [prefix for prefix, paths in frr.paths().items() if address in {path.peer for path in paths}]


def test_a_soft_clear_asks_for_all_routes(frr: Frr) -> None:
    """FRR asks a neighbour for its routes by the message that our speaker answers (RFC 2918)."""
    speakers = prepare(frr, SCENARIOS["no next-hop-self"])
    frr.ask(f"clear bgp ipv4 unicast {PEERS['a'].address} soft in")
    speakers["a"].awaits_refresh()


def test_frr_leaves_an_empty_segment(frr: Frr) -> None:
    """Where `remove-private-AS all` takes a whole segment FRR sends it empty, which we refuse (RFC 7606 §7.2)."""
    scenario = replace(
        SCENARIOS["remove-private-AS all"], sent={"a": (route("10.1.0.0/16", "65001 64512 {64513,9} 65001"),)}
    )
    with pytest.raises(AssertionError, match="a segment without AS numbers"):
        by_frr(frr, scenario)
    assert str(by_us(scenario)["b"]["10.1.0.0/16"].as_path) == "65010 {9}"
