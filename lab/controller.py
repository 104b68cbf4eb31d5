"""The command's side of a live lab: start one, find one that runs, ask it, end it. It knows no BGP.

A lab that outlives its command has a directory with a lock, a socket and its logs. The lock is held by the lab's own
processes, so a lab is up exactly as long as its lock is held, whatever ended it.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.channel import Channel
from lab.errors import InputError, LabBroken, NotPermitted
from lab.logs import Logs
from lab.processes import name_process
from lab.questions.control import Broken, Stop
from lab.runtimes.namespaces import start_first_process
from lab.runtimes.runtime import Kind, Runtime

END_DEADLINE_S = 10.0
_POLL_S = 0.005
_SOCKET, _LOCK, _CONTAINERS = "socket", "lock", "containers"
"""The last is in the directory of a lab whose routers are containers, which do not end with its lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A connection to a lab's supervisor. `supervisor_pid` is 0 where it is not known."""

    name: str
    channel: Channel
    supervisor_pid: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()


@contextmanager
def temporary_lab(name: str, kind: Kind = Kind.NETNS) -> Iterator[Lab]:
    """A lab that ends with the block, and with this process. It warms up while the caller goes on.

    It has no directory and no file: its logs are in memory.
    """
    logs = Logs(None)
    # a lab of containers hears that its command is gone, and removes them: killed with it, it could not
    outlives = kind is Kind.DOCKER
    channel, pid = _start(name, logs, _runtime(kind, name, logs, shared=True), None, outlives_parent=outlives)
    try:
        yield Lab(name=name, channel=channel)
    finally:
        channel.close()
        if _bury(pid) and kind is Kind.DOCKER:
            _forget_containers(name)


def _bury(pid: int) -> bool:
    """Wait for the lab's parent process, which ends after all others; whether it was killed, for the lab hung."""
    ended = os.pidfd_open(pid)
    hangs = not select.select((ended,), (), (), END_DEADLINE_S)[0]
    if hangs:
        os.kill(pid, signal.SIGKILL)
    os.close(ended)
    os.waitpid(pid, 0)
    return hangs


def _forget_containers(name: str) -> None:
    """Remove the containers of a dead lab where the engine lets us: else a later `erlab down` finds them."""
    from lab.runtimes.containers import remove_remains

    with suppress(LabBroken):
        remove_remains(_root(), name, in_flight=True)


def start_lab(name: str, kind: Kind = Kind.NETNS) -> Lab:
    """Start a lab that outlives this command. Raises InputError where a lab of that name is up."""
    directory = _root() / name
    logs = Logs(directory)
    runtime = _runtime(kind, name, logs, shared=_root() != _ROOT_OF_ROOT)
    try:
        while (lock := _take(directory)) is None:
            if _is_up(directory):  # and not only looked at by another command
                raise InputError(f"a lab named {name} is up already: end it with `erlab down --lab {name}`")
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())  # what a full disk refuses, instead of the logs later on
        if kind is not Kind.DOCKER and (directory / _CONTAINERS).exists():
            _forget_containers(name)  # of a dead lab of that name, of which the directory is about to know no more
        _remove_files(directory)
        if kind is Kind.DOCKER:
            (directory / _CONTAINERS).touch()
    except OSError as problem:
        raise LabBroken(f"cannot keep the lab's files in {directory}: {problem.strerror}") from problem
    channel, _ = _start(name, logs, runtime, directory, outlives_parent=True)
    os.close(lock)
    return Lab(name=name, channel=channel)


def labs_up() -> list[str]:
    """The names of the labs of this user that are up."""
    return sorted(one.name for one in _directories(_root()) if _is_up(one))


def _directories(root: Path) -> list[Path]:
    """What is in the directory of all labs."""
    try:
        return list(root.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as problem:
        raise LabBroken(f"cannot look for labs in {root}: {problem.strerror}") from problem


def find_lab(name: str | None) -> Lab:
    """The running lab of a name, or the only one that runs. Raises InputError where there is no such lab."""
    up = labs_up()
    if name is None:
        if not up:
            raise InputError("no lab is up: start one with `erlab up FILE`")
        if len(up) > 1:
            raise InputError(f"several labs are up: choose one with --lab: {', '.join(up)}")
        name = up[0]
    elif name not in up:
        raise InputError(f"no lab named {name} is up; up are: {', '.join(up) or 'none'}")
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _directory_path(_root() / name) as path:
            connection.connect(f"{path}/{_SOCKET}")
    except OSError as problem:
        raise LabBroken(f"the supervisor of {name} does not answer: {problem.strerror}") from problem
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid = struct.unpack("3i", credentials)[0]
    return Lab(name=name, channel=Channel(connection, f"the supervisor of {name}"), supervisor_pid=pid)


def end_lab(name: str | None) -> str:
    """End the running lab of a name, or the only one, until nothing of it is left; returns its name.

    Raises InputError where there is no such lab, and LabBroken where it does not end.
    """
    up = labs_up()
    if (not up if name is None else name not in up) and (remains := _remove_remains(name)):
        return remains
    with find_lab(name) as lab:
        lab.channel.send(Stop())
    directory = _root() / lab.name
    end = time.monotonic() + END_DEADLINE_S
    while (lock := _take(directory)) is None:
        if time.monotonic() > end:
            raise LabBroken(f"{lab.name} did not end within {END_DEADLINE_S:g} s (process {lab.supervisor_pid})")
        select.select((), (), (), _POLL_S)
    _remove_directory(directory, lock)
    return lab.name


def _remove_remains(name: str | None) -> str:
    """Remove what is left of a dead lab whose routers were containers, or of all; the names of the labs, if any."""
    root = _root()
    directories = [one for one in _directories(root) if name in (None, one.name) and (one / _CONTAINERS).exists()]
    dead = [one for one in directories if not _is_up(one)]
    removed = []
    if dead or _may_have_containers():
        from lab.runtimes.containers import LAB, remove_remains

        try:
            removed = [one.labels[LAB] for one in remove_remains(root, name, in_flight=bool(dead))]
        except LabBroken:  # no engine answers, so nothing of a temporary lab can be found
            if dead:
                raise
    for directory in dead:
        lock = _take(directory)
        if lock is not None:  # and nobody has just started one of that name
            _remove_directory(directory, lock)
    return ", ".join(dict.fromkeys([*(one.name for one in dead), *removed]))


def _may_have_containers() -> bool:
    """Whether a lab without a directory may have left containers behind: only root's have some."""
    from lab.runtimes.engine import DEFAULT_SOCKET

    return os.geteuid() == 0 and ("DOCKER_HOST" in os.environ or Path(DEFAULT_SOCKET).exists())


def _remove_directory(directory: Path, lock: int) -> None:
    """Remove the directory of a lab that has ended."""
    _remove_files(directory)
    (directory / _LOCK).unlink()
    directory.rmdir()
    os.close(lock)


# starting


def _runtime(kind: Kind, name: str, logs: Logs, *, shared: bool) -> Runtime:
    """What a lab's nodes are made by. Raises NotPermitted where this user may not use it."""
    if kind is Kind.DOCKER:
        from lab.runtimes.containers import ContainerRuntime, Owner

        return ContainerRuntime(Owner(name=name, state=_root(), shared=shared))
    from lab.runtimes.netns import NamespaceRuntime

    return NamespaceRuntime(logs)


def _start(
    name: str, logs: Logs, runtime: Runtime, directory: Path | None, *, outlives_parent: bool
) -> tuple[Channel, int]:
    """Start a lab's first process; returns a channel to it and the pid to wait for."""
    from lab.supervisor import Supervisor  # before the two part: nearly all of it the command needs too

    ours, theirs = socket.socketpair()
    channel = Channel(theirs, "the command")

    def supervise() -> int:
        ours.close()
        name_process(f"erlab:{name}")
        control = None
        try:
            _detach(logs)
            if directory is not None:
                control = _listen(directory)
            Supervisor(channel, logs, runtime, control).serve()
        except OSError as problem:
            channel.send(Broken(reason=f"the supervisor of {name}: {problem}", log=logs.tail("supervisor")))
            return 1
        return 0

    def refused(problem: NotPermitted) -> None:
        channel.send(Broken(reason=str(problem)))

    pid = start_first_process(supervise, refused, outlives_parent=outlives_parent)
    theirs.close()
    return Channel(ours, f"the supervisor of {name}"), pid


def _detach(logs: Logs) -> None:
    """Let go of the command's terminal and pipes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(logs.open("supervisor"), 1)
    os.dup2(logs.open("supervisor"), 2)
    os.close(nothing)


def _listen(directory: Path) -> socket.socket:
    """The lab's control socket; by its relative name, since the kernel allows 107 bytes only."""
    os.chdir(directory)
    control = socket.socket(socket.AF_UNIX)
    control.bind(_SOCKET)
    control.listen()
    return control


# directories and locks


_ROOT_OF_ROOT = Path("/run/erlab")


def _root() -> Path:
    """Where the directories of this user's labs are."""
    chosen = os.environ.get("ERLAB_STATE_DIR")
    if chosen:
        return Path(chosen).absolute()  # the lab works in another directory
    if os.geteuid() == 0:
        return _ROOT_OF_ROOT
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime, "erlab") if runtime else Path.home() / ".local" / "state" / "erlab"


def _take(directory: Path) -> int | None:
    """The lock of a lab's directory, made where it is missing, as an open file; None where it is held."""
    while True:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        try:
            if os.path.samestat(os.fstat(lock), (directory / _LOCK).stat()):
                return lock
        except FileNotFoundError:
            pass  # another command removed the directory between our two calls: once more
        os.close(lock)


def _remove_files(directory: Path) -> None:
    """Remove what an earlier lab left, its lock excepted. Raises InputError where anything else is there."""
    old = [one for one in directory.iterdir() if one.name != _LOCK]
    for one in old:
        if one.suffix != ".log" and one.name not in (_SOCKET, _CONTAINERS):
            raise InputError(
                f"{directory} is no lab's directory: {one.name} is not erlab's; set ERLAB_STATE_DIR elsewhere"
            )
    for one in old:
        one.unlink()


def _is_up(directory: Path) -> bool:
    try:
        with (directory / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def _directory_path(directory: Path) -> Iterator[str]:
    """A short path to a directory of any depth."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
