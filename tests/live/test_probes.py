"""What probes show of a running lab: handshakes, every hop, all ways of shared load, everybody to everybody."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erlab_command import Erlab
from lab_processes import await_, bury_the_dead
from topology_text import TopologyText

SHARED = TopologyText(
    networks='{hq: [10.10.0.0/16, "2001:db8:10::/48"], branch: 10.20.0.0/16}',
    policies_of="{ce1: {import: prefer, export: own}, ce2: {import: prefer, export: own}}",
)
"""Both links are as good for what comes back, so load is shared; nobody announces the branch."""
LAB = "probed"
BLOCKED = (
    "table inet blocked { chain one { type filter hook forward priority 0; tcp dport 22 reject with tcp reset; }; }"
)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erlab]:
    """A lab that is up, for tests that only ask it something. At one router a port of TCP is blocked."""
    directory = tmp_path_factory.mktemp("probed")
    erlab = Erlab(state=directory / "state", name=LAB)
    erlab.does("up", SHARED.write(directory, LAB))
    erlab.shell("msee1", "sh", "-c", f"echo '{BLOCKED}' | nft -f -")
    erlab.shell("msee2", "sh", "-c", f"echo '{BLOCKED}' | nft -f -")
    yield erlab
    erlab.end_everything()
    bury_the_dead()


def probes(up: Erlab, *arguments: str) -> list[dict[str, Any]]:
    """What became of each packet."""
    found: list[dict[str, Any]] = up.run(*arguments, "--format", "json").document["probes"]
    return found


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_each_hop_is_seen(up: Erlab, protocol: str) -> None:
    """With every protocol a packet and its answer are seen entering and leaving each node, with their mark, in time."""
    for one in probes(up, "probe", "hq", "hub", "--protocol", protocol, "--dscp", "ef", "--count", "5"):
        assert (one["answered"], one["protocol"], one["stopped"]) == (True, protocol, None)
        assert one["forward"] == ["hq", "ce1", "msee1", "gw", "hub"]
        assert [hop["entered"]["dscp"] for hop in one["there"][1:]] == [46] * 4
        assert [hop["left"]["dscp"] for hop in one["there"][:-1]] == [46] * 4
        assert {hop["entered"]["dscp"] for hop in one["back"][1:]} == {46}
        assert 0 < one["round_trip_s"] < 1


def test_a_refused_connection(up: Erlab) -> None:
    """A reset on the way is told with the router that sent it, and the port next to it is open."""
    refused, *_ = probes(up, "probe", "hq", "hub", "--protocol", "tcp", "--port", "22", "--family", "ipv4")
    assert (refused["sent"], refused["arrived"], refused["answered"]) == (True, False, False)
    assert refused["stopped"] == "msee1 answered TCP RST: the connection is refused"
    assert up.run("probe", "hq", "hub", "--protocol", "tcp", "--port", "23").code == 0


def test_flows_walk_every_way(up: Erlab) -> None:
    """Flows from ports of their own take both ways that the gateway has, and the trace shows each."""
    seen = probes(up, "trace", "hub", "hq", "--flows", "32", "--family", "ipv4")
    assert {tuple(one["forward"]) for one in seen} == {("hub", "gw", edge, ce, "hq") for edge, ce in EDGES}
    text = up.does("trace", "hub", "hq", "--flows", "32", "--family", "ipv4").out
    assert re.findall(r"way (\d) of 2: \d+ of 32 flows, answered", text) == ["1", "2"]


EDGES = (("msee1", "ce1"), ("msee2", "ce2"))


def test_an_address_of_the_lab(up: Erlab) -> None:
    """A host can be named by its address, in that family; other addresses, a router's too, are refused."""
    (one,) = probes(up, "probe", "10.10.0.10", "10.100.0.4")
    assert (one["source"], one["destination"], one["family"], one["answered"]) == ("hq", "hub", "ipv4", True)
    for outside in ("8.8.8.8", "172.16.0.1", "2001:db8::1"):
        ended = up.run("probe", "hq", outside)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"erlab: {outside} is no host of this lab: hosts are hq, branch, hub\n"


@pytest.mark.parametrize("protocol", ["icmp", "udp"])
def test_everybody_to_everybody(up: Erlab, tmp_path: Path, protocol: str) -> None:
    """The matrix has every pair in both directions, and where what must not arrive ended; all as the model says."""
    picture = tmp_path / "reach.svg"
    marks = ("--dscp", "ef,cs0,33") if protocol == "icmp" else ("--port", "53")
    found = up.does("matrix", "--protocol", protocol, *marks, "--svg", str(picture), "--format", "json").document
    fates = {(f["source"], f["destination"], f["family"]): (f["fate"], f["stopped"]) for f in found["flows"]}
    answered = ("answered", None)
    assert found["as_expected"] is True
    assert len(found["flows"]) == (8 * 3 if protocol == "icmp" else 8)
    assert {fates["hq", "hub", family] for family in ("ipv4", "ipv6")} == {answered}
    assert {fates["hub", "hq", family] for family in ("ipv4", "ipv6")} == {answered}
    assert fates["hq", "branch", "ipv4"] == fates["branch", "hq", "ipv4"] == answered
    assert fates["hub", "branch", "ipv4"] == ("lost", "gw answered dest-unreach: network-unreachable")
    assert fates["branch", "hub", "ipv4"][0] == "not answered"
    assert all(f["dscp_arrived"] == f["dscp_returned"] == f["dscp_sent"] for f in found["flows"] if not f["stopped"])
    drawn = [text.text for text in ET.parse(picture).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314  # ours
    assert (drawn.count("ok"), drawn.count("no")) == (3 + 2, 3)  # cells and the legend


def test_a_picture_that_cannot_be_made(up: Erlab, tmp_path: Path) -> None:
    """It is said before anything is asked: what nobody answers would be waited for for an hour."""
    ended = up.run("matrix", "--timeout", "3600", "--svg", str(tmp_path / "nowhere" / "x.svg"))
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err == f"erlab: cannot write {tmp_path}/nowhere/x.svg: No such file or directory\n"


def test_a_matrix_tells_what_the_model_does_not(up: Erlab) -> None:
    """Where a port is blocked behind the model's back, the matrix says so and exits with 1."""
    ended = up.run("matrix", "--protocol", "tcp", "--port", "22", "--timeout", "0.5")
    assert ended.code == 1
    assert (
        "hq -> hub ipv4: lost: msee1 answered TCP RST: the connection is refused (the model says: answered)"
        in ended.out
    )


def test_nothing_is_left_behind(up: Erlab) -> None:
    """After questions of every kind the prober has the files that it had, and no node a socket or a rule more."""
    up.does("probe", "hq", "hub")
    before = state(up)
    for protocol in ("icmp", "udp", "tcp"):
        up.run("probe", "hq", "hub", "--protocol", protocol, "--count", "20")
        up.run("probe", "hub", "branch", "--protocol", protocol, "--timeout", "0.3")
        up.run("matrix", "--protocol", protocol, "--timeout", "0.3")
    # a SYN that nobody waits for any more may still be on its way, and half a connection until it is reset
    await_(lambda: state(up) == before, "sockets, files and rules as before")


def state(up: Erlab) -> dict[str, str]:
    """The prober's open files, and the sockets and the settings of both ends."""
    (prober,) = [one.pid for one in up.processes() if one.name == "erlab-prober"]
    files = sorted(re.sub(r"\d+", "", str(file.readlink())) for file in Path(f"/proc/{prober}/fd").iterdir())
    found = {"files": json.dumps(files)}
    for node in ("hq", "hub"):
        found[node] = up.shell(node, "sh", "-c", SOCKETS)
    return found


SOCKETS = """
for kind in tcp tcp6 udp udp6 raw raw6; do cut -b 7-45,92-130 /proc/net/$kind; done
cat /proc/sys/net/ipv4/tcp_reflect_tos; wc -l </proc/net/packet; nft list ruleset
"""
