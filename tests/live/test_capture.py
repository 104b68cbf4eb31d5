"""Captures of a link: each frame of it once, with its tags, and none of another link; what is missing is told."""

from __future__ import annotations

import fcntl
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Dot1Q
from scapy.utils import rdpcap

from erlab_command import AS_ORDINARY_USER, DEADLINE_S, ERLAB, Ended, Erlab, ending
from lab_processes import await_, bury_the_dead
from topology_text import SHIPPED

if TYPE_CHECKING:
    from scapy.packet import Packet

MARKER = b"erlab\x00probe"
EF = 46


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erlab]:
    """The shipped lab, for tests that only look at it."""
    erlab = Erlab(state=tmp_path_factory.mktemp("capture") / "state", name="contoso-p2p")
    erlab.does("up", SHIPPED)
    yield erlab
    erlab.end_everything()
    bury_the_dead()


@dataclass(slots=True, kw_only=True)
class Capture:
    """A capture that runs, and how it ended."""

    process: subprocess.Popen[str]
    file: Path
    ended: Ended | None = None

    def ends(self, code: int = 0) -> str:
        """Wait for its end, with this code; returns its words."""
        self.ended = ending(self.process)
        assert self.ended.code == code, self.ended
        return self.ended.err

    def interrupted(self, code: int = 0) -> str:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.ends(code)

    def frames(self) -> list[Packet]:
        """What scapy reads."""
        return list(rdpcap(str(self.file)))


@contextmanager
def capturing(erlab: Erlab, file: Path, *arguments: str) -> Iterator[Capture]:
    """A capture that has begun."""
    process = erlab.start("capture", *arguments, "-w", str(file))
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("capturing at "), line
        yield Capture(process=process, file=file)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def probes(frames: list[Packet]) -> list[str]:
    """The lab's probes among frames: where each arrived, its tags, its protocol, and whether it asks or answers."""
    return sorted(
        " ".join((one.sniffed_on, *(str(tag.vlan) for tag in _tags(one)), _family(one), _kind(one)))
        for one in frames
        if MARKER in bytes(one)
    )


def _tags(frame: Packet) -> Iterator[Packet]:
    at: Packet | None = frame
    while at is not None and (at := at.getlayer(Dot1Q)) is not None:
        yield at
        at = at.payload


def _family(frame: Packet) -> str:
    return "ipv4" if IP in frame else "ipv6"


def _kind(frame: Packet) -> str:
    asks = frame[ICMP].type == 8 if ICMP in frame else ICMPv6EchoRequest in frame
    assert asks or ICMP in frame or ICMPv6EchoReply in frame
    return "request" if asks else "reply"


def each(request: str, reply: str) -> list[str]:
    """A request and a reply of each family, where and with which tags they arrive."""
    return sorted(
        f"{at} {family} {kind}" for at, kind in ((request, "request"), (reply, "reply")) for family in FAMILIES
    )


FAMILIES = ("ipv4", "ipv6")


def test_a_link_shows_its_frames_once_and_no_other_links(up: Erlab, tmp_path: Path) -> None:
    """Each probe is in the captures of the links of its way, once and with their tags, and in none of another link.

    The other link's capture is no empty one: it has that link's own packets.
    """
    with (
        capturing(up, tmp_path / "1", "primary") as customers,
        capturing(up, tmp_path / "2", "primary-microsoft") as microsofts,
        capturing(up, tmp_path / "3", "ce1", "-", "msee1") as between,
        capturing(up, tmp_path / "4", "msee1:port1") as port,
        capturing(up, tmp_path / "5", "secondary") as secondary,
    ):
        up.does("probe", "hq", "hub", "--dscp", "ef")
        up.does("refresh", "ce2", "msee2")
        for one in (customers, microsofts, between, port, secondary):
            one.interrupted()
    assert probes(customers.frames()) == each("line1:customer 100", "ce1:port1 100")
    assert probes(microsofts.frames()) == each("msee1:port1 1034 100", "line1:microsoft 1034 100")
    assert probes(between.frames()) == each("msee1:to-ce1", "ce1:to-msee1")
    assert probes(port.frames()) == each("msee1:port1 1034 100", "msee1:port1 1034 100")
    assert probes(secondary.frames()) == []
    assert any(TCP in one and 179 in (one[TCP].sport, one[TCP].dport) for one in secondary.frames())


def test_a_frame_is_as_it_was_sent(up: Erlab, tmp_path: Path) -> None:
    """A frame has the mark that it had, checksums as scapy computes them, and a later time than the one before."""
    with capturing(up, tmp_path / "one", "hq/hq") as capture:
        up.shell("hq", sys.executable, "-c", FLOOD, "10.10.0.1", "3", "11")
        up.does("probe", "hq", "hub", "--dscp", "ef", "--family", "ipv4")
        capture.interrupted()
    frames = capture.frames()
    asked = next(one for one in frames if MARKER in bytes(one))
    assert asked[IP].tos >> 2 == EF
    sums = [(one[UDP].chksum, bytes(one[IP])) for one in frames if UDP in one and IP in one and one[UDP].dport == 9]
    assert len(sums) == 3
    for chksum, octets in sums:
        anew = IP(octets)
        del anew[UDP].chksum
        assert IP(bytes(anew))[UDP].chksum == chksum
    times = [one.time for one in frames]
    assert times == sorted(times)
    assert all(IP in one or IPv6 in one or one.type == 0x0806 for one in frames)


FLOOD = """\
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect((sys.argv[1], 9))
for _ in range(int(sys.argv[2])):
    try:
        udp.send(bytes(int(sys.argv[3])))
    except ConnectionRefusedError:
        udp.send(bytes(int(sys.argv[3])))
"""


def test_lost_frames_are_told(up: Erlab, tmp_path: Path) -> None:
    """What the kernel had no room for is told in words, in JSON and in the file, and makes the capture incomplete."""
    sent, octets = 20_000, 1400
    with capturing(up, tmp_path / "lost", "hq:eth0", "--format", "json") as capture:
        capture.process.send_signal(signal.SIGSTOP)
        up.shell("hq", sys.executable, "-c", FLOOD, "10.10.0.1", str(sent), str(octets))
        capture.process.send_signal(signal.SIGCONT)
        assert "at hq:eth0 lost: they came too fast" in capture.interrupted(code=3)
    assert capture.ended is not None
    (told,) = capture.ended.document["interfaces"]
    assert told["lost"] > 0
    assert told["frames"] + told["lost"] >= sent
    in_file = capture.file.read_bytes()[-100:]
    assert int(told["lost"]).to_bytes(8, "little") in in_file


def test_a_capture_ends_by_count_and_by_time(up: Erlab, tmp_path: Path) -> None:
    """It has as many frames as asked for, or ends after a time without any."""
    with capturing(up, tmp_path / "count", "hq/hq", "--count", "3") as capture:
        up.does("probe", "hq", "hub", "--count", "5")
        assert "all frames were captured: 3 frames" in capture.ends()
    assert len(capture.frames()) == 3
    # nobody else is on that link, and the kernels' own solicitations are over
    assert "the time was over: " in up.does("capture", "vnet-hub", "--for", "0.1", "-w", tmp_path / "time").err


def test_wireshark_is_fed_while_it_runs(up: Erlab) -> None:
    """On stdout frames come as they are captured, and a reader that leaves ends the capture."""
    script = '"$1" capture msee1-gw -w - 2>words | { head -c 1000 | wc -c; }'
    ended = up.run_any(
        "sh",
        "-c",
        f"cd {up.state} && {script} & while ! grep -q capturing {up.state}/words; do sleep 0.02; done; "
        '"$1" probe hq hub --count 20 >&2; wait',
        "sh",
        ERLAB,
    )
    assert (ended.code, ended.out.strip()) == (0, "1000"), ended


def test_a_reader_that_is_stuck(up: Erlab) -> None:
    """A capture whose reader reads nothing still ends when its time is over, and is incomplete."""
    with up.start("capture", "msee1-gw", "-w", "-", "--for", "1") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # full with what stands before the frames
        assert process.wait(DEADLINE_S) == 3
        assert "cannot write more to -: its reader did not take the rest" in process.stderr.read()


def test_a_link_that_is_not_there(up: Erlab, tmp_path: Path) -> None:
    """A wrong name ends with exit code 2 before the file is touched."""
    file = tmp_path / "kept"
    file.write_bytes(b"an older capture")
    ended = up.run("capture", "hq", "gw", "-w", file)
    assert (ended.code, ended.err) == (2, "erlab: no link joins hq and gw: hq is joined to ce1, ce2, lan-hq\n")
    assert file.read_bytes() == b"an older capture"


def test_a_file_that_cannot_be_written(up: Erlab, tmp_path: Path) -> None:
    """Without a directory it ends with 2, on a full disk with 3, both at once; JSON has no room on the same stdout."""
    ended = up.run("capture", "primary", "-w", tmp_path / "nowhere" / "file")
    assert (ended.code, ended.err) == (2, f"erlab: cannot write {tmp_path}/nowhere/file: No such file or directory\n")
    ended = up.run("capture", "primary", "-w", "/dev/full")
    assert (ended.code, ended.err) == (3, "erlab: cannot write the capture: No space left on device\n")
    assert up.run("capture", "primary", "-w", "-", "--format", "json").code == 2


def test_a_disk_that_fills_up(up: Erlab, tmp_path: Path) -> None:
    """Where the file can grow no more, what was written is kept whole, and the capture is incomplete."""
    file = tmp_path / "full"
    with capturing(up, file, "hq/hq", "--format", "json") as capture:
        resource.prlimit(capture.process.pid, resource.RLIMIT_FSIZE, (3000, 3000))
        while capture.process.poll() is None:
            up.does("probe", "hq", "hub", "--count", "5")
        assert "cannot write more" in capture.ends(code=3)
    assert capture.ended is not None
    told = capture.ended.document
    assert (told["ended"], told["problem"]) == ("the file could not be written", "File too large")
    assert 0 < file.stat().st_size <= 3000
    assert len(capture.frames()) == sum(one["frames"] for one in told["interfaces"]) > 0


def test_the_lab_ends(erlab: Erlab, tmp_path: Path) -> None:
    """When the lab ends, its capture does, says so, and keeps what it had; nothing of the lab is left."""
    erlab.does("up", SHIPPED)
    with capturing(erlab, tmp_path / "ended", "primary") as capture:
        erlab.does("probe", "hq", "hub")
        erlab.does("down")
        assert re.match(r"the lab ended: \d+ frames in ", capture.ends(code=3))
    assert len(probes(capture.frames())) == 4
    await_(lambda: not erlab.processes(), "the end of every process")


@pytest.mark.netns
def test_an_ordinary_user_captures(erlab: Erlab, tmp_path: Path) -> None:
    """Without any privilege a capture of an own lab has its frames and their tags."""
    script = """
        set -eu
        "$1" up "$2" >"$3.up"
        "$1" capture primary -w "$3" 2>"$3.words" & capture=$!
        while ! grep -q capturing "$3.words"; do sleep 0.02; done
        "$1" probe hq hub >"$3.probe"
        kill -TERM $capture
        wait $capture
        "$1" down
    """
    file = tmp_path / "ordinary"
    ended = erlab.run_any(*AS_ORDINARY_USER, "sh", "-c", script, "sh", ERLAB, SHIPPED, file)
    assert ended.code == 0, ended
    assert probes(list(rdpcap(str(file)))) == each("line1:customer 100", "ce1:port1 100")
