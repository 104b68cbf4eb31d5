"""The programs of a router that is another vendor's daemon: its files, its processes, and what they say.

All of it is in a private directory, which no other user can read; the processes end with this one, however it ends.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lab.channel import readable
from lab.errors import InputError, LabBroken
from lab.plan import NodePlan, Plan
from lab.processes import die_with_parent, how_it_ended
from lab.vendors import OWN_USER, Check, Command, Daemon, File, Step, Vendor
from lab.vendors.every import VENDORS

PRIVATE = Path("/var/tmp/erlab")  # noqa: S108  # a file system of the lab's own is mounted there
"""Where each router has its directory."""
READY_DEADLINE_S, ANSWER_DEADLINE_S = 20.0, 20.0
_PLACES = "/usr/sbin:/sbin:/usr/local/sbin"
_POLL_S = 0.01
_DYING_S = 0.1
_NOT_RUN = 126
"""The status of a shell from which on a program was not found, not run, or killed."""
_MOST_REFUSALS = 10
_KEY = re.compile(r"""password["']?(?:\s*[=:]\s*|[ \t]+)["']?([^\s"';,}]+)""", re.IGNORECASE)
"""The key of a session, as FRR, BIRD and GoBGP have it in their configurations."""


def check_programs(nodes: Iterable[NodePlan]) -> None:
    """Raise LabBroken where a router's daemon is not installed."""
    for node in nodes:
        vendor = _vendor(node)
        missing = [name for name in vendor.programs if _found(name, vendor.directories) is None] if vendor else []
        if vendor and missing:
            raise LabBroken(
                f"{node.name} is {vendor.name}, and {', '.join(missing)} is not installed: "
                f"install the package {vendor.package}"
            )


def refuse_changes(old: Plan, new: Plan) -> None:
    """Raise LabBroken where another plan changes what a running daemon has configured and does not change."""
    for node in new.routers:
        vendor, before = _vendor(node), old.node(node.name)
        if vendor is None or (node.bgp == before.bgp and node.speaker == before.speaker):
            continue
        if node.speaker is not None and node.speaker.config is not None:
            raise LabBroken(f"{node.name} has a configuration of its own: this takes a new lab")
        if not vendor.reconfigures:
            raise LabBroken(f"{node.name} is {vendor.name}, which takes no other rules while it runs here")


def _vendor(node: NodePlan) -> Vendor | None:
    return None if node.speaker is None else VENDORS[node.speaker.kind]


def _found(name: str, directories: tuple[str, ...]) -> str | None:
    path = ":".join([*directories, os.environ.get("PATH", os.defpath), _PLACES])
    return shutil.which(name, path=path)


def _keys(node: NodePlan) -> set[str]:
    """The keys of a router's sessions: those of the plan, and those in a configuration of the user's own."""
    planned = {one.md5.value for one in node.bgp.sessions if one.md5} if node.bgp else set()
    own = node.speaker.config if node.speaker else None
    return planned | (set(_KEY.findall(own.text.value)) if own else set())


def _with_own_user(arguments: Iterable[str]) -> list[str]:
    return [pwd.getpwuid(os.geteuid()).pw_name if one == OWN_USER else one for one in arguments]


class Daemons:
    """The daemons of one router. `meanwhile` is done every few milliseconds while a command runs."""

    def __init__(self, node: NodePlan, vendor: Vendor, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile
        self._name = node.name
        self._vendor = vendor
        self._keys = sorted(_keys(node), key=len, reverse=True)
        self.directory = PRIVATE / node.name
        self._origins: dict[str, str] = {}
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        shutil.rmtree(self.directory, ignore_errors=True)  # of a process that was killed
        self.directory.mkdir(mode=0o700, parents=True)

    def take(self, step: Step) -> None:
        """Write files and run commands. Raises LabBroken where one refuses something, with the daemon's words.

        It is InputError where nothing but the user's own file can be why.
        """
        for file in step.files:
            self._write(file)
        for check in step.checks:
            self._check(check)

    def _write(self, file: File) -> None:
        path = self.directory / file.name
        path.touch(mode=0o600)
        path.write_text(file.text, encoding="utf-8")
        self._origins[file.name] = file.origin

    def _check(self, check: Check) -> None:
        status, output = self._run(check.command)
        refused = bool(check.refusal and re.search(check.refusal, output, re.MULTILINE))
        if status == 0 and not refused:
            return
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        placed = list(self._placed(lines, check))
        if not refused:
            if placed:  # vtysh tells the place, too, where a daemon dies of a line: its sockets close before it ends
                self._ends_within(_DYING_S)
            self.check_alive()
        said = placed or lines or [f"{check.command[0]} ended with status {status}"]
        text = self.without_keys("\n".join(said[:_MOST_REFUSALS]))
        origin, only_reads = self._origins.get(check.file), not self._running and 0 <= status < _NOT_RUN
        if origin and (refused or placed or only_reads):
            what = "its configuration" if placed else origin
            raise InputError(f"{self._vendor.name} refuses {what}:\n{text}")
        raise LabBroken(f"{self._vendor.name} refuses its configuration:\n{text}")

    def without_keys(self, text: str) -> str:
        """What a daemon printed, as it may be shown: gobgp, for one, tells the keys of its sessions."""
        for key in self._keys:
            text = text.replace(key, "***")
        return text

    def _placed(self, lines: list[str], check: Check) -> Iterator[str]:
        """What a daemon says of lines, behind their places in the file that the user knows."""
        file = self._origins.get(check.file) or f"{self._name}'s rendered {check.file}"
        before = ""
        for line in lines:
            found = re.search(check.place, line) if check.place else None
            if found is not None:
                yield f"{file}:{found['line']}: {before or found['words'].strip()}"
            before = "" if found else line

    def start(self, daemons: Iterable[Daemon]) -> None:
        """Start the daemons, and wait until they listen to commands, or one has ended. Raises LabBroken.

        Why it has is for the commands to find out that come next: it may be its configuration.
        The others ask for the first one as soon as they start, and not again for long.
        """
        first, *others = daemons
        for some in ([first], others):
            for one in some:
                self._start(one)
            for one in some:
                if one.ready:
                    self._wait_for((self.directory / one.ready).exists, f"{one.command[0]} to listen")

    def _start(self, one: Daemon) -> None:
        program = _found(one.command[0], self._vendor.directories)
        if program is None:
            raise LabBroken(f"{one.command[0]} is not installed: install the package {self._vendor.package}")
        process = subprocess.Popen(  # noqa: S603
            [program, *_with_own_user(one.command[1:])],
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # this process has one thread
            cwd=self.directory,
        )
        self._running.append((one.command[0], process))

    def _wait_for(self, happened: Callable[[], bool], what: str) -> None:
        """Wait for something that the daemons do, or that one ends. Raises LabBroken where neither comes."""
        end_s = time.monotonic() + READY_DEADLINE_S
        while not happened() and not self._ends():
            if time.monotonic() > end_s:
                raise LabBroken(f"waited {READY_DEADLINE_S:g} s for {what}")
            self._meanwhile()
            time.sleep(_POLL_S)

    def check_alive(self) -> None:
        """Raise LabBroken where a daemon has ended."""
        for how in self._ends():
            raise LabBroken(how)

    def _ends(self) -> list[str]:
        """How daemons ended that have, in words."""
        ended = [(name, status) for name, process in self._running if (status := process.poll()) is not None]
        return [f"{name} {how_it_ended(-status if status < 0 else status << 8)}" for name, status in ended]

    def _ends_within(self, time_s: float) -> None:
        """Give a daemon that is about to end the time to."""
        files = self.pidfds()
        if files:
            readable(files, time_s)
        for file in files:
            os.close(file)

    def pidfds(self) -> list[int]:
        """Files that can be read when a daemon has ended."""
        return [os.pidfd_open(process.pid) for _, process in self._running]

    def ask(self, commands: Iterable[Command]) -> tuple[str, ...]:
        """What commands print, each of which has to succeed. Raises LabBroken."""
        answers = []
        for command in commands:
            status, output = self._run(command)
            if status != 0:
                self.check_alive()
                said = self.without_keys(output.strip())[-500:]
                raise LabBroken(f"{command[0]} ended with status {status}: {said}")
            answers.append(output)
        return tuple(answers)

    def _run(self, command: Command) -> tuple[int, str]:
        program = _found(command[0], self._vendor.directories) or command[0]
        with tempfile.TemporaryFile(dir=self.directory) as output:
            try:
                ran = subprocess.Popen(  # noqa: S603
                    [program, *_with_own_user(command[1:])],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self.directory,
                )
            except OSError as problem:
                raise LabBroken(f"{command[0]} cannot be run: {problem.strerror}") from None
            end_s = time.monotonic() + ANSWER_DEADLINE_S
            while (status := self._ended(ran)) is None:
                self._meanwhile()
                if time.monotonic() > end_s:
                    ran.kill()
                    ran.wait()
                    raise LabBroken(f"{self._vendor.name} did not answer {command[0]} within {ANSWER_DEADLINE_S:g} s")
            output.seek(0)
            return status, output.read().decode(errors="replace")

    @staticmethod
    def _ended(process: subprocess.Popen[bytes]) -> int | None:
        """The status of a process that ends within a few milliseconds; None where it does not."""
        try:
            return process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            return None
