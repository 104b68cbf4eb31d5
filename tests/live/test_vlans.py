"""VLAN tags that are on the wire: what carries them, what keeps frames apart, and what a lost carrier does."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from erlab_command import ERLAB, USERS, Erlab
from lab.bgp import Family
from lab.commands.live import ANSWER_DEADLINE_S
from lab.controller import Lab
from lab.forwarding import Flow, FlowResult
from lab.plan import Plan, Tagged
from lab.questions.packets import Probe, Probed
from lab.questions.tables import ReadTables, Tables
from lab.shaping import Impairment
from lab_processes import await_, end
from networks import Net, live
from running_labs import established, impaired, pending, running
from vlan_networks import BOTH, S_AND_C, C, at, direct, through_a_provider, untagged_wire

TESTS = Path(__file__).parents[1]
SETTLES_S, STAYS_DOWN_S = 40.0, 1.5
AT_ONCE_S = 20.0
"""Far less than the hold time of 180 s, after which a session closes that has no carrier to tell it earlier."""
TWO_OTHERS = (1034, 200)
BULK = 4 << 20
SOON = Impairment(delay_ms=1)


@pytest.fixture(autouse=True)
def _state(erlab: Erlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the labs that the commands of its test start."""
    monkeypatch.setenv("ERLAB_STATE_DIR", str(erlab.state))


def probed(lab: Lab, source: str = "ce", destination: str = "msee", deadline_s: float = 5.0) -> list[FlowResult]:
    """What became of one marked packet of each family."""
    flows = tuple(Flow(source=source, destination=destination, family=family, dscp=46) for family in BOTH)
    question = Probe(flows=flows, deadline_s=deadline_s)
    return list(lab.channel.ask(question, Probed, deadline_s=ANSWER_DEADLINE_S).results)


def assert_arrives(results: list[FlowResult], *path: str) -> None:
    """Each packet was answered, by exactly this path, and had its mark at every node of it."""
    for one in results:
        assert one.answered, one
        assert (one.forward, one.backward) == (path, path[::-1])
        assert one.marks == tuple((node, 46) for node in path[1:])


def on_the_wire(erlab: Erlab, lab: Lab, node: str, interface: str) -> set[str]:
    """What stands behind the MAC addresses of probes at an interface: the tags and the EtherType, as hex."""
    argv = [ERLAB, "shell", node, "--", sys.executable, str(TESTS / "trunk_capture.py"), interface]
    with subprocess.Popen(  # noqa: S603
        argv, env=erlab.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as capture:
        assert capture.stdout is not None
        assert capture.stdout.readline() == "listening\n"
        for result in probed(lab):
            assert result.answered, result
        frames = [bytes.fromhex(capture.stdout.readline()) for _ in range(4)]  # requests and answers, both families
        capture.communicate()
    ends = [next(at for at in range(12, 24, 4) if frame[at : at + 2] in (b"\x08\x00", b"\x86\xdd")) for frame in frames]
    return {frame[12 : end + 2].hex() for frame, end in zip(frames, ends, strict=True)}


# tags


@pytest.mark.parametrize("prefix", USERS)
@pytest.mark.parametrize(
    ("tags", "outer", "seen"),
    [
        ((), 0x8100, ""),
        (C, 0x8100, "81000064"),
        (S_AND_C, 0x8100, "8100040a81000064"),
        (S_AND_C, 0x88A8, "88a8040a81000064"),
    ],
    ids=["untagged", "one tag", "two tags", "802.1ad"],
)
def test_tags_are_on_the_wire(
    erlab: Erlab, tags: tuple[int, ...], outer: int, seen: str, prefix: tuple[str, ...]
) -> None:
    """Sessions and packets of both families cross a trunk whose frames have exactly the planned tags."""
    plan = direct(at("ce", *tags, outer_ethertype=outer), at("msee", *tags, outer_ethertype=outer))
    with running(replace(erlab, prefix=prefix), plan) as lab:
        assert pending(lab) == ()
        assert_arrives(probed(lab), "ce", "msee")
        for node in ("ce", "msee"):
            assert on_the_wire(erlab, lab, node, "port") == {f"{seen}0800", f"{seen}86dd"}


def test_vrfs_on_one_port(erlab: Erlab) -> None:
    """Two VRFs of a router share its port by different tags, and each hears the VRF of its own tag only."""
    net = Net()
    for name, asn in (("red", 65001), ("blue", 65002), ("msee-red", 12076), ("msee-blue", 12076)):
        net.router(name, asn, [f"10.{asn % 1000}.0.0/16"])
    left, right = net.trunk("ce:port", "msee:port")
    for color, tag in (("red", 100), ("blue", 200)):
        places = {color: Tagged(port=left, tags=(tag,)), f"msee-{color}": Tagged(port=right, tags=(tag,))}
        net.session(color, f"msee-{color}", BOTH, at=places)
    with running(erlab, net.plan()) as lab:
        assert pending(lab) == ()
        for color in ("red", "blue"):
            assert_arrives(probed(lab, color, f"msee-{color}"), color, f"msee-{color}")
        (lost, _) = probed(lab, "red", "msee-blue", deadline_s=0.5)
        assert not lost.arrived


@pytest.mark.parametrize(
    ("near", "far", "at_ce", "at_msee"),
    [
        (C, S_AND_C, "81000064", "8100040a81000064"),
        (C, (200,), "81000064", "810000c8"),
        ((), S_AND_C, "", "8100040a81000064"),
        (S_AND_C, TWO_OTHERS, "8100040a81000064", "8100040a810000c8"),
    ],
    ids=["pushes an S-tag", "translates", "pushes both", "translates the inner tag"],
)
def test_a_provider_exchanges_tags(
    erlab: Erlab, near: tuple[int, ...], far: tuple[int, ...], at_ce: str, at_msee: str
) -> None:
    """Behind a provider's switch frames have the tags of that side, and the switch is in no packet's path."""
    with running(erlab, through_a_provider(at("ce", *near), near, far, at("msee", *far))) as lab:
        assert pending(lab) == ()
        assert_arrives(probed(lab), "ce", "msee")
        assert on_the_wire(erlab, lab, "ce", "port") == {f"{at_ce}0800", f"{at_ce}86dd"}
        assert on_the_wire(erlab, lab, "msee", "port") == {f"{at_msee}0800", f"{at_msee}86dd"}


def test_a_provider_pushes_an_802_1ad_tag(erlab: Erlab) -> None:
    """The S-tag that a provider adds may have the EtherType of IEEE 802.1ad."""
    msee = at("msee", *S_AND_C, outer_ethertype=0x88A8)
    with running(erlab, through_a_provider(at("ce", *C), C, S_AND_C, msee)) as lab:
        assert pending(lab) == ()
        assert on_the_wire(erlab, lab, "msee", "port") == {"88a8040a810000640800", "88a8040a8100006486dd"}


WRONG = {
    "another tag": direct(at("ce", 100), at("msee", 101)),
    "none at one end": direct(at("ce", 100), at("msee")),
    "another inner tag": direct(at("ce", 1034, 100), at("msee", 1034, 101)),
    "another outer tag": direct(at("ce", 1034, 100), at("msee", 1035, 100)),
    "one tag more": direct(at("ce", 100), at("msee", 1034, 100)),
    "one tag less": direct(at("ce", 1034, 100), at("msee", 1034)),
    "another EtherType": direct(at("ce", 1034, 100), at("msee", 1034, 100, outer_ethertype=0x88A8)),
    "a provider who expects another": through_a_provider(at("ce", 100), (101,), S_AND_C, at("msee", *S_AND_C)),
    "a provider who sends another": through_a_provider(at("ce", 100), C, (1034, 101), at("msee", *S_AND_C)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tags_carry_nothing(erlab: Erlab, name: str) -> None:
    """Where the tags at the two ends do not fit, no session comes up and no packet arrives."""
    with running(erlab, WRONG[name]) as lab:
        found = pending(lab, STAYS_DOWN_S)
        assert len([one for one in found if one.startswith("session ")]) == 4
        assert established(lab) == set()
        for result in probed(lab, deadline_s=0.5):
            assert (result.arrived, result.answered) == (False, False)


# carriers


@pytest.mark.parametrize("end", ["ce", "msee"])
@pytest.mark.parametrize("tags", [C, S_AND_C], ids=["one tag", "two tags"])
def test_a_lost_carrier_closes_sessions_at_once(erlab: Erlab, end: str, tags: tuple[int, ...]) -> None:
    """When either end of a trunk goes down both routers close their sessions at once, and open them when it is back."""
    all_four = {f"{router} {session}" for router, session in SESSIONS}
    with running(erlab, direct(tags=tags)) as lab:
        assert pending(lab) == ()
        assert established(lab) == all_four
        erlab.shell(end, "ip", "link", "set", "port", "down")
        await_(lambda: not established(lab), "the end of all sessions", AT_ONCE_S)
        erlab.shell(end, "ip", "link", "set", "port", "up")
        await_(lambda: established(lab) == all_four, "the return of all sessions")
        assert pending(lab) == ()
        assert_arrives(probed(lab), "ce", "msee")


SESSIONS = tuple((one, f"{other}/{f.value}") for one, other in (("ce", "msee"), ("msee", "ce")) for f in BOTH)


def test_a_provider_does_not_pass_on_a_lost_carrier(erlab: Erlab) -> None:
    """Behind a provider's switch the far end keeps its carrier and its sessions when the near one loses them."""
    with running(erlab, through_a_provider(at("ce", *C), C, S_AND_C, at("msee", *S_AND_C))) as lab:
        assert pending(lab) == ()
        erlab.shell("ce", "ip", "link", "set", "port", "down")
        far = {"msee ce/ipv4", "msee ce/ipv6"}
        await_(lambda: established(lab) == far, "the end of the near sessions alone", AT_ONCE_S)
        assert "LOWER_UP" in erlab.shell("msee", "ip", "link", "show", "to-ce")
        assert established(lab) == far
        erlab.shell("provider", "ip", "link", "set", "right", "down")
        await_(lambda: not established(lab), "the end of the far sessions", AT_ONCE_S)


# what carries them


def test_the_carrier_of_the_tags_is_named(erlab: Erlab) -> None:
    """What a lab stands in for says how tags are carried, in a lab that has any."""
    for plan, count in ((direct(), 1), (untagged_wire(), 0)):
        one = replace(erlab, name=f"{erlab.name[:38]}-{count}")
        with running(one, plan) as lab:
            pending(lab)
            fidelity = lab.channel.ask(ReadTables(), Tables, deadline_s=ANSWER_DEADLINE_S).fidelity
        said = [line for line in fidelity if line.startswith("VLAN tags: on the wire, carried by ")]
        assert len(said) == count, fidelity


@pytest.mark.parametrize("part", ["tagger", "wires"])
def test_what_carries_frames_is_killed(erlab: Erlab, part: str) -> None:
    """When the tagger or the process of impaired wires was killed, every question ends with exit code 3 and says so."""
    untagged = direct(tags=())  # untagged frames alone are nothing for a VLAN device of the kernel
    with running(erlab, impaired(untagged, msee=(SOON, SOON))) as lab:
        assert pending(lab) == ()
        found = await_(lambda: next((p for p in erlab.processes() if p.name == f"erlab-{part}"), None), part)
        end([found])
    for question in (("status",), ("show", "fib", "ce"), ("status",)):
        ended = erlab.run(*question)
        assert (ended.code, f"the {part} was killed by signal 9 (SIGKILL)" in ended.err) == (3, True), ended
    erlab.does("down")
    await_(lambda: not erlab.processes(), "the end of every process")


# much


@pytest.mark.parametrize("tags", [C, S_AND_C], ids=["one tag", "two tags"])
def test_many_routes(tags: tuple[int, ...]) -> None:
    """Hundreds of routes arrive over a trunk, and the tables are what the model predicts."""
    net = Net()
    net.router("ce", 65010, [f"10.{number // 256}.{number % 256}.0/24" for number in range(600)])
    net.router("msee", 12076)
    left, right = net.trunk("ce:port", "msee:port")
    net.session("ce", "msee", at={"ce": Tagged(port=left, tags=tags), "msee": Tagged(port=right, tags=tags)})
    (seen,) = live(net.plan())
    assert len(seen.fib("msee")) == 600


SENDS = (
    "import socket,sys; s=socket.create_connection(sys.argv[1:3]); s.sendall(bytes(range(256))*(int(sys.argv[3])>>8))"
)
RECEIVES = """\
import hashlib, socket
listening = socket.create_server(("::", 5001), family=socket.AF_INET6, dualstack_ipv6=True)
print("listening", flush=True)
connection, _ = listening.accept()
connection.settimeout(20)
octets = hashlib.sha256()
while data := connection.recv(1 << 20):
    octets.update(data)
print(octets.hexdigest())
"""


@pytest.mark.parametrize("family", BOTH)
@pytest.mark.parametrize(
    "plan",
    [direct(tags=C), direct(tags=S_AND_C), impaired(direct(tags=S_AND_C), msee=(SOON, SOON))],
    ids=["one tag", "two tags", "two tags on an impaired wire"],
)
def test_bulk(erlab: Erlab, plan: Plan, family: Family) -> None:
    """Megabytes of TCP, in segments as large as the interfaces take, arrive octet for octet."""
    address = plan.node("msee").address(family)
    with running(erlab, plan) as lab:
        assert pending(lab) == ()
        argv = [ERLAB, "shell", "msee", "--", sys.executable, "-c", RECEIVES]
        with subprocess.Popen(argv, env=erlab.environment, stdout=subprocess.PIPE, text=True) as receiver:  # noqa: S603
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == "listening\n"
            erlab.shell("ce", sys.executable, "-c", SENDS, str(address), "5001", str(BULK))
            arrived = receiver.stdout.readline().strip()
    assert arrived == hashlib.sha256(bytes(range(256)) * (BULK >> 8)).hexdigest()
