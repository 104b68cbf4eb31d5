"""A lab is watched: line by line in a pipe, on a terminal that is given back, and until the lab ends."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import struct
import subprocess
import termios
from typing import Self

from erlab_command import ERLAB, Erlab, ending
from lab_processes import await_
from topology_text import SHIPPED

ROWS, COLUMNS = 40, 120
WORKS = "answered by hq ce1 msee1 gw hub"


def test_changes_are_lines(erlab: Erlab) -> None:
    """A lost carrier is told as it is seen: the sessions that end, the kernel's new next hop, and the probes' new way.

    A quiet lab has no lines but the first ones.
    """
    erlab.does("up", SHIPPED)
    quiet = erlab.does("watch", "hq", "hub", "--for", "1.5", "--every", "0.5").out.splitlines()
    subjects = [line.split()[1] for line in quiet]
    assert subjects == ["lab", "probe", "probe"], quiet
    assert "20 of 20 session ends established, 14 BGP routes in 5 kernels" in quiet[0]

    for hosts, says in (
        (("hq",), "probes go from one host to another: name two, or none"),
        (("hq", "ce1"), "ce1 is no host of this lab: hosts are hq, hub"),
    ):
        ended = erlab.run("watch", *hosts)
        assert (ended.code, ended.out, ended.err) == (2, "", f"erlab: {says}\n")

    watching = erlab.start("watch", "hq", "hub", "--every", "0.2", "--format", "json", "--for", "40")
    assert watching.stdout is not None
    found = [json.loads(watching.stdout.readline()) for _ in range(3)]
    assert [one["subject"] for one in found] == ["lab", "probe", "probe"]
    assert {one["after"] for one in found[1:]} == {WORKS}
    erlab.shell("msee1", "ip", "link", "set", "port1", "down")
    erlab.shell("ce1", "ip", "link", "set", "port1", "down")
    missing = {
        ("session", "ce1 - msee1/ipv4", "down: interface to-msee1 is down"),
        ("fib", "ce1 10.100.0.0/16", "10.10.0.2 (ce2)"),
        ("fib", "msee1 10.10.0.0/16", "no route"),
        ("probe", "hq -> hub ipv4", "answered by hq ce1 ce2 msee2 gw hub, back by hub gw msee2 ce2 hq"),
    }
    latest = {"ce1 10.100.0.0/16": "172.16.0.2 (msee1)", "msee1 10.10.0.0/16": "172.16.0.1 (ce1)"}
    while missing:
        one = json.loads(watching.stdout.readline())
        missing.discard((one["subject"], one["where"], one["after"]))
        if one["where"] in latest:
            assert one["before"] == latest[one["where"]]  # there may be several steps
            latest[one["where"]] = one["after"]
    watching.terminate()
    assert ending(watching).code == 0


def test_a_terminal_is_given_back(erlab: Erlab) -> None:
    """On a terminal the lab is a screen; q ends it, and so does the end of the lab, which is told behind it."""
    erlab.does("up", SHIPPED)
    with _Terminal() as terminal:
        watching = terminal.run(erlab, "watch", "hq", "hub", "--every", "0.2")
        await_(lambda: terminal.shows(WORKS), "the probes' way")
        assert terminal.shows("contoso-p2p  20 of 20 session ends established")
        assert terminal.shows(r"\bce1 +msee1/ipv4 +established +1 +1\b")
        assert terminal.attributes() != terminal.before
        os.write(terminal.ours, b"q")
        assert terminal.ends(watching) == (0, b"")
        watching = terminal.run(erlab, "watch", "--every", "0.2")
        await_(lambda: terminal.shows("latest changes"), "a screen")
        erlab.does("down")
        code, words = terminal.ends(watching)
        assert code == 3
        assert words.startswith(b"erlab: contoso-p2p is not watched any more: ")


class _Terminal:
    """A terminal of which a test has the other end."""

    def __init__(self) -> None:
        self.ours, self._theirs = os.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = self.attributes()
        self._shown = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.ours)
        os.close(self._theirs)

    def attributes(self) -> list[object]:
        """How the terminal treats keys and lines."""
        return termios.tcgetattr(self._theirs)

    def run(self, erlab: Erlab, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command whose three streams are this terminal."""
        self._shown = b""
        at = self._theirs
        return subprocess.Popen(  # noqa: S603
            [ERLAB, *arguments], env=erlab.environment, stdin=at, stdout=at, stderr=at
        )

    def _has_read(self) -> bool:
        """Take in what there is."""
        while select.select((self.ours,), (), (), 0)[0]:
            self._shown += os.read(self.ours, 1 << 16)
        return True

    def shows(self, pattern: str) -> bool:
        """Whether the latest whole screen holds this."""
        self._has_read()
        screens = re.findall(rb"\x1b\[H(.*?)\x1b\[J", self._shown, re.DOTALL)
        return bool(screens) and re.search(pattern, screens[-1].decode().replace("\x1b[K", "")) is not None

    def ends(self, command: subprocess.Popen[bytes]) -> tuple[int, bytes]:
        """How a command ends, and what it says behind its screen; the terminal must be as it was before."""
        await_(lambda: self._has_read() and command.poll() is not None, "the end of the command")
        self._has_read()
        before, closed, words = self._shown.partition(b"\x1b[?25h\x1b[?1049l")
        assert before.startswith(b"\x1b[?1049h\x1b[?25l")
        assert closed
        assert self.attributes() == self.before
        return command.returncode, words
