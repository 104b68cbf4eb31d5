"""The command `erlab` as its user runs it: a process of its own, with an exit code and two streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest

from lab_containers import processes_of_containers, remove_containers
from lab_processes import Process, end, processes_with

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

    def run(self, *arguments: str | Path) -> Ended:
        """Run a command to its end."""
        return self.run_any(ERLAB, *arguments)

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
        return subprocess.Popen(  # noqa: S603
            [*self.prefix, ERLAB, *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shell(self, node: str, *argv: str) -> str:
        """What a program says that runs in a node of the one lab that is up; it must end with exit code 0."""
        return self.does("shell", node, "--", *argv).out

    @property
    def environment(self) -> dict[str, str]:
        """The environment, with the directories where Debian keeps `ip` and `nft`."""
        chosen = ("ERLAB_RUNTIME", "ERLAB_IMAGE", "ERLAB_PEERS_IMAGE")  # by pytest's --runtime
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ERLAB_") or name in chosen}
        return {**kept, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "ERLAB_STATE_DIR": str(self.state)}

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


def ending(process: subprocess.Popen[str]) -> Ended:
    """How a started command ends, within the deadline."""
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(code=process.returncode, out=out, err=err)
