"""The gateway's limit in the running lab: what it does to probes, to fragments and to TCP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from erlab_command import DEADLINE_S, ERLAB, USERS, Erlab

TESTS = Path(__file__).parents[1]
SHIPPED = (TESTS.parent / "topologies" / "point_to_point_ethernet_layer2.yaml").read_text(encoding="utf-8")
HUB_HOST = "10.100.0.4"
LARGEST = "largest 1400 bytes, limited by gw"
EXPECTED = """
expect:
  - mtu: {from: hq, to: hub, bytes: 1400, limited_by: gw}
  - mtu: {from: hub, to: hq, bytes: 1400, limited_by: gw}
"""
ON_A_NARROW_LINE = """
impairments: {link: primary, towards: customer, frame_bytes: 1318}
expect:
  - mtu: {from: hq, to: hub, bytes: 1400, limited_by: gw, protocol: udp}
  - mtu: {from: hub, to: hq, bytes: 1300, limited_by: primary}
  - mtu: {from: hub, to: hq, bytes: 1301, limited_by: primary, family: ipv6}
"""


def topology(tmp_path: Path, name: str, expected: str = EXPECTED, **assume: str) -> Path:
    """The shipped topology, which expects sizes only, with answers to what is not documented."""
    text = SHIPPED[: SHIPPED.index("expect:")].replace("../policies", str(TESTS.parent / "policies"))
    answers = "".join(f"\n  {question}: {answer}" for question, answer in assume.items())
    file = tmp_path / "topology.yaml"
    file.write_text(f"{text.replace('contoso-p2p', name)}\nassume:{answers or ' {}'}\n{expected}", encoding="utf-8")
    return file


@contextmanager
def serving(erlab: Erlab, script: str) -> Iterator[None]:
    """A server in the VNet."""
    argv = [ERLAB, "shell", "hub", "--", sys.executable, str(TESTS / script), "serve", HUB_HOST]
    with subprocess.Popen(  # noqa: S603
        [*erlab.prefix, *argv], env=erlab.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "serving\n"
        yield
        server.communicate(timeout=DEADLINE_S)


def routes(erlab: Erlab) -> list[str]:
    """The gateway's routes of all tables, and its rules."""
    commands = "ip -4 route show table all; ip -6 route show table all; ip -4 rule; ip -6 rule"
    found = sorted(erlab.shell("gw", "sh", "-c", commands).splitlines())
    assert sum("table 300" in one for one in found) == 2
    return found


def transfer(erlab: Erlab, mss: int) -> str:
    """How a transfer ends from headquarters to the VNet, with segments of a size at most."""
    script = str(TESTS / "tcp_transfer.py")
    return erlab.shell("hq", sys.executable, script, "send", HUB_HOST, str(mss)).strip()


def fragmented(erlab: Erlab) -> str:
    """What is answered to a datagram that headquarters sends in fragments, all of which would fit."""
    gateway = json.loads(erlab.shell("hq", "ip", "-json", "route", "show", "default"))[0]["gateway"]
    erlab.shell("hq", "ip", "route", "replace", "default", "via", gateway, "mtu", "1300")
    ask = f"echo | {sys.executable} {TESTS / 'udp_flow.py'} ask {HUB_HOST} 2000"
    with serving(erlab, "udp_flow.py"):
        return erlab.shell("hq", "sh", "-c", ask).strip()


def test_large_segments_stall_at_the_gateway_and_small_ones_cross_it(erlab: Erlab, tmp_path: Path) -> None:
    """By default nobody is told: TCP stalls with segments for 1500 bytes, and goes on with those that fit.

    Fragments do not cross it, however short.
    """
    erlab.does("up", topology(tmp_path, erlab.name))
    with serving(erlab, "tcp_transfer.py"):
        assert transfer(erlab, 0) == "stalls"
        assert transfer(erlab, 1360) == "arrived"
    assert fragmented(erlab) == "nothing"


@pytest.mark.parametrize("prefix", USERS)
def test_a_gateway_that_answers_lets_tcp_find_the_size(erlab: Erlab, tmp_path: Path, prefix: tuple[str, ...]) -> None:
    """Where the file assumes so, the gateway tells the size in both families and both ways, and transfers go on.

    Fragments cross it, where that is assumed too. A gateway that was dead still answers.
    """
    as_user = Erlab(state=erlab.state, name=erlab.name, prefix=prefix)
    file = topology(tmp_path, erlab.name, gateway_too_large="answered", gateway_fragments="forwarded")
    as_user.does("up", file)
    for _ in range(2):  # once the hosts know nothing of the size, and once they have been told
        report = as_user.does("test", file, "--lab", erlab.name, "--format", "json").document
        assert [one["observed"]["text"] for one in report["verdicts"]] == [
            f"{LARGEST}: gw answered dest-unreach: fragmentation-needed; {LARGEST}: gw answered Packet too big: 0"
        ] * 2
    before = routes(erlab)
    as_user.does("fail", "router_killed", "gw")
    as_user.does("heal", "--timeout", "30")
    assert routes(erlab) == before
    with serving(erlab, "tcp_transfer.py"):
        assert transfer(erlab, 0) == "arrived"
    assert fragmented(erlab) == "10.10.0.10"


def test_a_line_that_carries_less_is_found(erlab: Erlab, tmp_path: Path) -> None:
    """A link's limit is named, in the direction that has it, with the tag that its frames have; a byte more fails."""
    ended = erlab.run("test", topology(tmp_path, erlab.name, ON_A_NARROW_LINE), "--format", "json")
    verdicts = ended.document["verdicts"]
    assert [one["outcome"] for one in verdicts] == ["passed", "passed", "failed"]
    assert verdicts[1]["observed"]["text"].startswith("largest 1300 bytes, limited by primary: left msee1 by to-ce1")
    assert verdicts[2]["cause"] == "packet: ipv6: wire primary carries frames of 1318 bytes at most"
    assert ended.document["model"]["differences"] == []
