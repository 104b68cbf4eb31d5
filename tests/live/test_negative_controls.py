"""Negative controls: the lab is broken in one way, and exactly the expectation that asks for it fails.

Each control comes with expectations that must not notice the break. `test_the_unbroken_lab` is the other half: there
all of them hold, but for the few that ask for what is not so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from erlab_command import Ended, Erlab
from topology_text import TopologyText

TIMEOUT_S = "4"
"""How long to wait for a session that stays down. What settles takes a tenth of it, in busy containers half."""

CONTOSO = TopologyText(networks='{hq: [10.10.0.0/16, "2001:db8:10::/48"], branch: 10.20.0.0/16}')
"""The shipped topology with one network more, which the customer's export policies keep from Microsoft."""

SESSIONS = ("session: ce1 - msee1", "session: ce2 - msee2", "session: ce1 - ce2")
ANY_WAY = ("reachable: {from: hq, to: hub}", "reachable: {from: hub, to: hq}")
PRIMARY = "reachable: {from: hq, to: hub, via: [ce1, msee1]}"
CE1_PREFERS = "route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 200, next_hop: msee1}"
OTHER_PORTS = (
    "reachable: {from: hq, to: hub, protocol: tcp, port: 22}",
    "unreachable: {from: hub, to: branch, protocol: tcp, port: 443}",
)
PREPENDED = 'as_path: "65010 65010 65010 65010"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One break: of the topology file, of the live lab alone, or of a running lab by commands in its nodes.

    `fails` is the expectation that must fail, with `cause`, and `holds` are those that must not notice.
    """

    fails: str
    cause: str
    holds: tuple[str, ...]
    broken: TopologyText | None = None
    behind_the_file: bool = False
    commands: tuple[tuple[str, str], ...] = ()
    outcome: str = "failed"

    def expect(self) -> tuple[str, ...]:
        """All expectations, the one that fails first."""
        return (self.fails, *self.holds)


def policies(ce1: str = "prefer, own", ce2: str = "accept-azure, own-prepended") -> str:
    """The policies of both edges: import and export."""
    edges = {"ce1": ce1.split(", "), "ce2": ce2.split(", ")}
    return f"{{{', '.join(f'{edge}: {{import: {i}, export: {e}}}' for edge, (i, e) in edges.items())}}}"


def nft(rule: str, hook: str = "forward") -> str:
    """The command that adds one rule to a router's kernel."""
    chain = f"add chain inet broken one {{ type filter hook {hook} priority 0; }}"
    return f"nft 'add table inet broken; {chain}; add rule inet broken one {rule}'"


CONTROLS = {
    # sessions
    "session, wrong MD5 key": Control(
        broken=replace(CONTOSO, keys="md5: Contoso123\n    customer_md5: {ce2: Other}"),
        fails="session: ce2 - msee2",
        cause="session: ce2 - msee2 is down (ipv4 and ipv6): ",
        holds=("session: ce1 - msee1", "session: ce1 - ce2", CE1_PREFERS, PRIMARY, *ANY_WAY),
    ),
    "session, wrong MD5 key behind the file": Control(
        broken=replace(CONTOSO, keys="md5: Contoso123\n    customer_md5: {ce2: Other}"),
        behind_the_file=True,
        fails="session: ce2 - msee2",
        cause="session: ce2 - msee2 is down (ipv4 and ipv6): ",
        holds=("session: ce1 - msee1", "session: ce1 - ce2", CE1_PREFERS, PRIMARY, *ANY_WAY),
    ),
    "session, link down": Control(
        commands=(("ce1", "ip link set to-msee1 down"), ("msee1", "ip link set to-ce1 down")),
        fails="session: ce1 - msee1",
        cause="session: ce1 - msee1 is down (ipv4 and ipv6): ",
        holds=("session: ce2 - msee2", "session: ce1 - ce2", *ANY_WAY),
    ),
    "session, down where it is up": Control(
        fails="session: {between: ce1 - msee1, state: down}",
        cause="session: ce1 - msee1 is established (ipv4 and ipv6): nothing keeps it down",
        holds=SESSIONS,
    ),
    # routes
    "route in the Adj-RIB-In, wrong export policy": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="accept-azure, own")),
        fails=f"route: {{at: msee2, prefix: 10.10.0.0/16, table: adj_rib_in, neighbor: ce2, {PREPENDED}}}",
        cause="Adj-RIB-Out: as_path of 10.10.0.0/16 at msee2 is 65010, not 65010 65010 65010 65010: no policy",
        holds=(*SESSIONS, CE1_PREFERS, *ANY_WAY),
    ),
    "route in the Adj-RIB-In, nothing exported": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="accept-azure, nothing")),
        fails="route: {at: msee2, prefix: 10.10.0.0/16, table: adj_rib_in, neighbor: ce2}",
        cause="Adj-RIB-Out: ce2 does not send 10.10.0.0/16 to msee2: export policy nothing: term 1 rejects",
        holds=(*SESSIONS, CE1_PREFERS, PRIMARY, *ANY_WAY),
    ),
    "route in the Adj-RIB-In, nothing exported behind the file": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="accept-azure, nothing")),
        behind_the_file=True,
        fails="route: {at: msee2, prefix: 10.10.0.0/16, table: adj_rib_in, neighbor: ce2}",
        cause="Adj-RIB-Out: ce2 does not send 10.10.0.0/16 to msee2, though its Loc-RIB has it",
        holds=(*SESSIONS, CE1_PREFERS, PRIMARY, *ANY_WAY),
    ),
    "route in the Loc-RIB, wrong import policy": Control(
        broken=replace(CONTOSO, policies_of=policies(ce1="accept-azure, own")),
        fails="route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 200}",
        cause="Loc-RIB: local_pref of 10.100.0.0/16 at ce1 is none, not 200: no policy on its way sets it",
        holds=(*SESSIONS, "route: {at: ce1, prefix: 10.100.0.0/16, next_hop: msee1}", PRIMARY, *ANY_WAY),
    ),
    "route in the Loc-RIB, wrong import policy behind the file": Control(
        broken=replace(CONTOSO, policies_of=policies(ce1="accept-azure, own")),
        behind_the_file=True,
        fails="route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 200}",
        cause="Loc-RIB: ce1 has a route to 10.100.0.0/16 with local_pref none where 200 was predicted",
        holds=(*SESSIONS, "route: {at: ce1, prefix: 10.100.0.0/16, next_hop: msee1}", PRIMARY, *ANY_WAY),
    ),
    "route in the Adj-RIB-Out, wrong export policy": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="accept-azure, own")),
        fails=f"route: {{at: ce2, prefix: 10.10.0.0/16, table: adj_rib_out, neighbor: msee2, {PREPENDED}}}",
        cause="Adj-RIB-Out: as_path of 10.10.0.0/16 at ce2 is 65010, not 65010 65010 65010 65010: no policy",
        holds=(*SESSIONS, CE1_PREFERS, *ANY_WAY),
    ),
    "route in the FIB, removed behind the router's back": Control(
        commands=(("gw", "ip route del 10.10.0.0/16"),),
        fails="route: {at: gw, prefix: 10.10.0.0/16, table: fib, next_hop: msee1}",
        cause="FIB: the kernel of gw has no route to 10.10.0.0/16, though its Loc-RIB has it",
        holds=(*SESSIONS, "route: {at: gw, prefix: 10.10.0.0/16}", "reachable: {from: hq, to: hub, family: ipv6}"),
    ),
    "route in the FIB, IPv6, sent elsewhere behind the router's back": Control(
        commands=(("gw", "ip -6 route replace 2001:db8:10::/48 via fd65:5515::5 proto bgp metric 1024"),),
        fails='route: {at: gw, prefix: "2001:db8:10::/48", table: fib, next_hop: msee1}',
        cause="FIB: the kernel of gw sends 2001:db8:10::/48 to msee2, where msee1 was predicted",
        holds=(*SESSIONS, 'route: {at: gw, prefix: "2001:db8:10::/48", next_hop: msee1}', *ANY_WAY),
    ),
    # no route
    "no route, a policy that leaks": Control(
        broken=replace(CONTOSO, policies_of=policies(ce1="prefer, everything")),
        fails="no_route: {at: msee1, prefix: 10.20.0.0/16}",
        cause="Loc-RIB: ce1 originates 10.20.0.0/16, and nothing keeps it from msee1: ce1 export policy everything",
        holds=(*SESSIONS, CE1_PREFERS, PRIMARY, *ANY_WAY),
    ),
    "no route, a policy that leaks behind the file": Control(
        broken=replace(CONTOSO, policies_of=policies(ce1="prefer, everything")),
        behind_the_file=True,
        fails="no_route: {at: msee1, prefix: 10.20.0.0/16}",
        cause="Adj-RIB-Out: ce1 sends 10.20.0.0/16 to msee1, which the model does not predict",
        holds=(*SESSIONS, CE1_PREFERS, PRIMARY, *ANY_WAY),
    ),
    "no route, received and not selected": Control(
        fails="no_route: {at: ce2, prefix: 10.100.0.0/16, table: adj_rib_in, neighbor: msee2}",
        cause="Adj-RIB-In: gw originates 10.100.0.0/16, and nothing keeps it from ce2: ",
        holds=(*SESSIONS, "no_route: {at: ce2, prefix: 10.100.0.0/16, next_hop: msee2}"),
    ),
    "no route, no session to prove it": Control(
        commands=(("ce1", "ip link set to-msee1 down"), ("msee1", "ip link set to-ce1 down")),
        outcome="inconclusive",
        fails="no_route: {at: msee1, prefix: 0.0.0.0/0}",
        cause="session: msee1 - ce1 is down (ipv4): ",
        holds=("session: ce2 - msee2", "no_route: {at: msee2, prefix: 0.0.0.0/0}", *ANY_WAY),
    ),
    # packets
    "reachable, route removed behind the router's back": Control(
        commands=(("ce1", "ip route del 10.100.0.0/16"),),
        fails="reachable: {from: hq, to: hub, family: ipv4}",
        cause="FIB: the kernel of ce1 has no route to 10.100.0.0/16, though its Loc-RIB has it",
        holds=(*SESSIONS, CE1_PREFERS, "reachable: {from: hq, to: hub, family: ipv6}"),
    ),
    "reachable, dropped on the way": Control(
        commands=(("msee1", nft("meta nfproto ipv4 icmp type echo-request drop")),),
        fails="reachable: {from: hq, to: hub, family: ipv4}",
        cause="packet: ipv4: entered msee1 by to-ce1 and did not leave it",
        holds=(*SESSIONS, CE1_PREFERS, "reachable: {from: hub, to: hq, family: ipv6}"),
    ),
    "reachable, IPv6, the answer dropped": Control(
        commands=(("msee1", nft("icmpv6 type echo-reply drop")),),
        fails="reachable: {from: hq, to: hub, family: ipv6}",
        cause="packet: ipv6: the answer: entered msee1 by to-gw and did not leave it",
        holds=(*SESSIONS, CE1_PREFERS, "reachable: {from: hq, to: hub, family: ipv4}"),
    ),
    "DSCP rewritten": Control(
        commands=(("msee1", nft("ip dscp set cs0")),),
        fails="reachable: {from: hq, to: hub, dscp: ef, family: ipv4}",
        cause="packet: ipv4: msee1 made cs0 of ef, and by the plan it leaves that as it is",
        holds=(*SESSIONS, "reachable: {from: hq, to: hub, dscp: ef, family: ipv6}", *ANY_WAY),
    ),
    "DSCP rewritten, IPv6": Control(
        commands=(("gw", nft("ip6 dscp set af11", "postrouting")),),
        fails="reachable: {from: hq, to: hub, dscp: ef, family: ipv6}",
        cause="packet: ipv6: gw made af11 of ef, and by the plan it leaves that as it is",
        holds=(*SESSIONS, "reachable: {from: hq, to: hub, dscp: ef, family: ipv4}", *ANY_WAY),
    ),
    "via, wrong local preference": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="prefer-more, own-prepended")),
        fails=PRIMARY,
        cause="Loc-RIB: at ce1 the path to 10.100.0.0/16 from msee1 lost to the one from ce2: lower local preference",
        holds=(*SESSIONS, "reachable: {from: hub, to: hq, via: [msee1, ce1]}", *ANY_WAY),
    ),
    "via, wrong local preference behind the file": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="prefer-more, own-prepended")),
        behind_the_file=True,
        fails=PRIMARY,
        cause="FIB: the kernel of ce1 sends 10.100.0.0/16 to ce2, where msee1 was predicted",
        holds=(*SESSIONS, "reachable: {from: hub, to: hq, via: [msee1, ce1]}", *ANY_WAY),
    ),
    "mtu, another router lets less pass": Control(
        commands=(("msee1", nft("meta nfproto ipv4 ip length > 1300 drop")),),
        fails="mtu: {from: hq, to: hub, bytes: 1400, limited_by: gw, family: ipv4}",
        cause="packet: ipv4: 1301 bytes ended at msee1, though by the plan gw drops silently what has more than 1400 "
        "bytes: entered msee1 by to-ce1 and did not leave it",
        holds=(*SESSIONS, "mtu: {from: hq, to: hub, bytes: 1400, limited_by: gw, family: ipv6}", *ANY_WAY),
    ),
    "mtu, IPv6, the limit is taken away behind the lab's back": Control(
        commands=(("gw", "nft delete table inet erlab-limit"),),
        fails="mtu: {from: hub, to: hq, bytes: 1400, limited_by: gw, family: ipv6}",
        cause="packet: ipv6: 1500 bytes crossed gw, though by its plan gw drops silently what has more than 1400 bytes",
        holds=(*SESSIONS, "mtu: {from: hq, to: branch, bytes: 1500, limited_by: hq}", *ANY_WAY),
    ),
    "reachable by TCP, its port dropped on the way": Control(
        commands=(("msee1", nft("meta nfproto ipv4 tcp dport 443 drop")),),
        fails="reachable: {from: hq, to: hub, protocol: tcp, port: 443, family: ipv4}",
        cause="packet: ipv4: entered msee1 by to-ce1 and did not leave it",
        holds=(*SESSIONS, *ANY_WAY, *OTHER_PORTS, "reachable: {from: hq, to: hub, protocol: udp, port: 443}"),
    ),
    "reachable by UDP, its port refused on the way": Control(
        commands=(("msee1", nft("udp dport 53 reject")),),
        fails="reachable: {from: hub, to: hq, protocol: udp, port: 53}",
        cause="packet: ipv4: msee1 answered dest-unreach: port-unreachable",
        holds=(*SESSIONS, *ANY_WAY, *OTHER_PORTS, "reachable: {from: hub, to: hq, protocol: tcp, port: 53}"),
    ),
    "path, wrong local preference behind the file": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="prefer-more, own-prepended")),
        behind_the_file=True,
        fails="path: {from: hq, to: hub, there: [ce1, msee1], link: primary}",
        cause="FIB: the kernel of ce1 sends 10.100.0.0/16 to ce2, where msee1 was predicted",
        holds=(*SESSIONS, "path: {from: hub, to: hq, there: [msee1, ce1], protocol: tcp}", *ANY_WAY),
    ),
    "path, load that is shared": Control(
        broken=replace(CONTOSO, policies_of=policies(ce1="prefer, own", ce2="prefer, own")),
        fails="path: {from: hub, to: hq, there: [msee1, ce1], back: [ce1, msee1], family: ipv4}",
        cause="FIB: load is shared on the way from hub to hq: packets may cross other edges too",
        holds=(*SESSIONS, "path: {from: hq, to: hub, there: [ce1, msee1], family: ipv4}", *ANY_WAY),
    ),
    "symmetric, the way there by the secondary link": Control(
        broken=replace(CONTOSO, policies_of=policies(ce2="prefer-more, own-prepended")),
        fails="symmetric: {from: hq, to: hub, family: ipv4}",
        cause="Loc-RIB: ",
        holds=(*SESSIONS, *ANY_WAY),
    ),
    "unreachable, and it is reachable": Control(
        fails="unreachable: {from: hq, to: hub}",
        cause="FIB: every router from hq to hub has a route: hq ce1 msee1 gw hub; gw originates 10.100.0.0/16",
        holds=(*SESSIONS, "unreachable: {from: hub, to: branch}"),
    ),
    "unreachable, a policy that leaks behind the file": Control(
        broken=replace(CONTOSO, policies_of=policies(ce1="prefer, everything")),
        behind_the_file=True,
        fails="unreachable: {from: hub, to: branch}",
        cause="Adj-RIB-Out: ce1 sends 10.20.0.0/16 to msee1, which the model does not predict",
        holds=(*SESSIONS, *ANY_WAY),
    ),
}


def write(directory: Path, name: str, text: TopologyText, expect: Iterable[str], file: str) -> Path:
    """Write a topology file with its expectations."""
    return replace(text, expect=tuple(expect)).write(directory, name, file)


def verdicts(ended: Ended, expect: Iterable[str]) -> dict[str, Any]:
    """The verdict of each expectation."""
    return dict(zip(expect, ended.document["verdicts"], strict=True))


@pytest.mark.parametrize("name", CONTROLS)
def test_control(erlab: Erlab, tmp_path: Path, name: str) -> None:
    """With one part of the lab broken, exactly the expectation that asks for it fails, and its first cause is named."""
    control = CONTROLS[name]
    broken = control.broken or CONTOSO
    asked = write(tmp_path, erlab.name, CONTOSO if control.behind_the_file else broken, control.expect(), "asked")
    test: list[str | Path] = ["test", asked, "--format", "json", "--timeout", TIMEOUT_S]
    if control.behind_the_file or control.commands:
        built = write(tmp_path, erlab.name, broken, control.expect(), "built")
        up = erlab.run("up", built, "--timeout", TIMEOUT_S)
        assert up.code in (0, 3), up
        for node, command in control.commands:
            erlab.shell(node, "sh", "-c", command)
        test += ["--lab", erlab.name]
    ended = erlab.run(*test)
    seen = verdicts(ended, control.expect())
    assert {asked: one["outcome"] for asked, one in seen.items() if one["outcome"] != "passed"} == {
        control.fails: control.outcome
    }, ended
    assert ended.code == (1 if control.outcome == "failed" else 3)
    assert seen[control.fails]["cause"].startswith(control.cause)


ALWAYS_FAIL = tuple(one.fails for one in CONTROLS.values() if not one.broken and not one.commands)
"""What is not so in the unbroken lab either."""


def test_the_unbroken_lab(erlab: Erlab, tmp_path: Path) -> None:
    """In the lab that nobody broke all of these expectations hold, save those that ask for what is not so."""
    expect = tuple(dict.fromkeys(line for one in CONTROLS.values() for line in one.expect()))
    ended = erlab.run("test", write(tmp_path, erlab.name, CONTOSO, expect, "asked"), "--format", "json")
    seen = verdicts(ended, expect)
    assert tuple(asked for asked, one in seen.items() if one["outcome"] != "passed") == ALWAYS_FAIL
    assert ended.document["model"]["differences"] == []
    assert ended.code == 1


def test_unreachable_has_evidence(erlab: Erlab, tmp_path: Path) -> None:
    """That packets do not arrive passes only with the packet that left, and the router that refused it."""
    expect = ("unreachable: {from: hub, to: branch}",)
    ended = erlab.run("test", write(tmp_path, erlab.name, CONTOSO, expect, "asked"), "--format", "json")
    [verdict] = ended.document["verdicts"]
    assert (ended.code, verdict["outcome"]) == (0, "passed")
    assert verdict["observed"] == {"holds": True, "text": "ipv4: gw answered dest-unreach: network-unreachable"}
