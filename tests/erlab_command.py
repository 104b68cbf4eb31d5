"""The command `erlab` as its user runs it: a process of its own, with an exit code and two streams.

The process is forked from one that has imported erlab (`fork_server.py`); where a test names `ERLAB`, Python is started
for it, as it is by a shell.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest

from fork_server import ROOM
from lab_containers import processes_of_containers, remove_containers
from lab_processes import Process, adopt_orphans, end, processes_with

ERLAB = str(Path(sys.executable).with_name("erlab"))
DEADLINE_S = 60.0
"""No command of the tests takes a tenth of this: one that does hangs."""

AS_ORDINARY_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""Runs a command as user 1000 without any capability, who makes namespaces only where every user may.

To the kernel the files stay ours, so that a checkout in a home directory that nobody else may enter serves too.
"""


ORDINARY_USER = pytest.param(AS_ORDINARY_USER, id="an ordinary user", marks=pytest.mark.netns)
"""The same as a parameter: containers take root."""
USERS = (pytest.param((), id="this user"), ORDINARY_USER)


def in_containers() -> bool:
    """Whether routers are containers here."""
    return os.environ["ERLAB_RUNTIME"] == "docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401  # JSON has no narrower type
        """The JSON document on stdout, which must hold nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erlab:
    """The command, with a directory of its own for the labs that are up. `name` is free for a lab."""

    state: Path
    name: str
    prefix: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path) -> Ended:
        """Run a command to its end."""
        return ending(self.start(*arguments))

    def run_plan(self, document: object, *arguments: str) -> Ended:
        """Run `run_plan.py` to its end, with JSON on its stdin."""
        return ending(self._fork("run_plan", *arguments, stdin=subprocess.PIPE), json.dumps(document))

    def run_any(self, *argv: str | Path) -> Ended:
        """Run any program to its end, in the environment that `erlab` has here."""
        done = subprocess.run(  # noqa: S603
            [*self.prefix, *map(str, argv)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    def does(self, *arguments: str | Path) -> Ended:
        """Run a command that must end with exit code 0."""
        ended = self.run(*arguments)
        assert ended.code == 0, ended
        return ended

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return self._fork("erlab", *arguments)

    def _fork(self, program: str, *arguments: str | Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        return Forked((program, *map(str, arguments)), self.environment, self.prefix, stdin)

    def shell(self, node: str, *argv: str) -> str:
        """What a program says that runs in a node of the one lab that is up; it must end with exit code 0."""
        return self.does("shell", node, "--", *argv).out

    @property
    def environment(self) -> dict[str, str]:
        """The environment, with the directories where Debian keeps `ip` and `nft`."""
        chosen = ("ERLAB_RUNTIME", "ERLAB_IMAGE", "ERLAB_PEERS_IMAGE")  # by pytest's --runtime
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ERLAB_") or name in chosen}
        return {
            **kept,
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "ERLAB_STATE_DIR": str(self.state),
            **self.variables,
        }

    @property
    def ordinary(self) -> Self:
        """The command as an ordinary user runs it, where one may."""
        return self if in_containers() else replace(self, prefix=AS_ORDINARY_USER)

    def processes(self) -> tuple[Process, ...]:
        """Every process that came from this command, in order of their start."""
        ours = processes_with(f"ERLAB_STATE_DIR={self.state}")
        return (*ours, *processes_of_containers(self.state)) if in_containers() else ours

    def end_everything(self) -> None:
        """Kill what is left of this command's labs."""
        end(self.processes())
        if in_containers():
            remove_containers(self.state)


def ending(process: subprocess.Popen[str], stdin: str | None = None, deadline_s: float = DEADLINE_S) -> Ended:
    """How a started command ends, within a deadline."""
    try:
        out, err = process.communicate(stdin, timeout=deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(code=process.returncode, out=out, err=err)


@cache
def _fork_server(prefix: tuple[str, ...]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that forks commands as the user that a prefix makes of us, and how to ask it."""
    adopt_orphans()
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    argv = [*prefix, sys.executable, str(Path(__file__).with_name("fork_server.py"))]
    kept = {name: value for name, value in os.environ.items() if name != "ERLAB_STATE_DIR"}  # it is no test's own
    server = subprocess.Popen(argv, stdin=theirs.fileno(), env={**kept, "ROOM": "-" * ROOM})  # noqa: S603
    theirs.close()
    ours.settimeout(DEADLINE_S)
    return ours, server


_ENVIRONMENT, _PIPES = 5, slice(9, 15)
"""Where `subprocess` hands them on, counted from the one behind the words."""


class Forked(subprocess.Popen[str]):
    """A program of `fork_server.py`, and otherwise a process like any other of its class."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        prefix: tuple[str, ...] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self._prefix = prefix
        super().__init__(argv, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _execute_child(self, argv: Sequence[str], *more: Any) -> None:  # noqa: ANN401
        """What makes the process, and then closes here what is the process's."""
        environment, pipes = more[_ENVIRONMENT], more[_PIPES]
        asked = {"argv": argv, "directory": str(Path.cwd()), "environment": dict(environment)}
        stdin, _, _, stdout, _, stderr = pipes
        server, _ = _fork_server(self._prefix)
        socket.send_fds(server, [json.dumps(asked).encode()], [stdin, stdout, stderr])
        answer = server.recv(64)
        assert answer.isdigit(), f"the fork server said {answer!r}: with nothing it has ended"
        self.pid = int(answer)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # private
