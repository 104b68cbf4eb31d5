"""A lab's life: however it ends, nothing is left, and while it runs no accident of a command costs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from erlab_command import ERLAB, Ended, Erlab, ending, in_containers
from lab_containers import containers_of
from lab_processes import (
    Namespaces,
    Process,
    await_,
    bury_the_dead,
    children,
    count_fds,
    end,
    mounts_at,
)
from topology_text import IPV4_ONLY, NEVER_SETTLES, TopologyText

SMALL = TopologyText(
    routers="ce1",
    networks=IPV4_ONLY.networks,
    primary=IPV4_ONLY.primary,
    secondary=IPV4_ONLY.secondary,
    vnets=IPV4_ONLY.vnets,
    policies_of="{ce1: {import: prefer, export: own}}",
)
"""The smallest circuit there is: four routers, one family."""
NODES_OF_SMALL = ("ce1", "msee1", "msee2", "gw", "hq", "hub", "lan-hq")


@pytest.fixture
def small(erlab: Erlab, tmp_path: Path) -> Path:
    """A small lab's topology file."""
    return SMALL.write(tmp_path, erlab.name, "small")


@pytest.fixture
def never_settles(erlab: Erlab, tmp_path: Path) -> Path:
    """The topology file of a lab with a session that stays down, so that a command waits for it to the end."""
    return NEVER_SETTLES.write(tmp_path, erlab.name, "never-settles")


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    """The namespaces of the labs that a test has seen."""
    seen = Namespaces()
    yield seen
    seen.close()


def named(erlab: Erlab, name: str) -> Process | None:
    """The process of a name."""
    return next((one for one in erlab.processes() if one.name == name), None)


def supervisor(erlab: Erlab) -> Process | None:
    """Process 1 of the lab."""
    return next((one for one in erlab.processes() if one.name.startswith("erlab:")), None)


def is_stopped(process: Process) -> bool:
    """Whether a process was stopped by a signal."""
    return Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"


def kill(process: Process) -> None:
    """Kill a process as `kill -9` does."""
    os.kill(process.pid, signal.SIGKILL)


def assert_nothing_is_left(erlab: Erlab, namespaces: Namespaces) -> None:
    """No process of the command is there, and nobody holds a namespace of its labs, nor is anything mounted."""
    await_(lambda: not erlab.processes(), "the end of every process")

    def no_namespace() -> bool:
        bury_the_dead()  # process 1 of a pid namespace is in it as long as it is not buried
        return not namespaces.holders()

    await_(no_namespace, "the end of every namespace")
    assert mounts_at(erlab.state) == []
    assert mounts_at("/proc").count("/proc") == 1


def assert_the_next_up_works(erlab: Erlab, small: Path) -> None:
    """A lab of the same name starts and ends."""
    erlab.does("up", small)
    erlab.does("down")
    assert list(erlab.state.iterdir()) == []
    assert not in_containers() or containers_of(erlab.state) == []


# kill -9


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("command", ["up", "test"])
def test_supervisor_killed(erlab: Erlab, never_settles: Path, namespaces: Namespaces, command: str, count: int) -> None:
    """Killed when so many processes are there, a lab is gone, its command says so, and the next one starts."""
    running = erlab.start(command, never_settles, "--timeout", "60")

    def processes() -> list[Process]:
        there = [one for one in erlab.processes() if one.pid != running.pid]
        return there if len(there) >= count else []

    there = await_(processes, f"{count} processes of the lab")
    namespaces.add(there)
    kill(next((one for one in there if one.name.startswith("erlab:")), there[0]))
    ended = ending(running)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("erlab: the supervisor of ")
    assert ended.err.endswith(" is gone\n")
    assert_nothing_is_left(erlab, namespaces)
    assert_the_next_up_works(erlab, SMALL.write(never_settles.parent, erlab.name, "small"))


def test_supervisor_killed_when_up(erlab: Erlab, small: Path, namespaces: Namespaces) -> None:
    """A lab that is up and whose supervisor is killed is gone whole, is no lab any more, and the next one starts."""
    erlab.does("up", small)
    there = erlab.processes()
    namespaces.add(there)
    assert namespaces.count("net") >= len(NODES_OF_SMALL), "unseen namespaces of nodes would prove nothing by their end"
    kill(await_(lambda: supervisor(erlab), "the supervisor"))
    assert_nothing_is_left(erlab, namespaces)
    gone = erlab.run("status", "--lab", erlab.name)
    assert (gone.code, gone.err) == (2, f"erlab: no lab named {erlab.name} is up; up are: none\n")
    assert_the_next_up_works(erlab, small)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_command_killed(erlab: Erlab, never_settles: Path, sent: signal.Signals, namespaces: Namespaces) -> None:
    """A lab ends with the `erlab test` that made it, whichever signal ends that, and leaves no file."""
    running = erlab.start("test", never_settles, "--timeout", "60")
    await_(lambda: named(erlab, "erlab-gw"), "the last router")
    namespaces.add(erlab.processes())
    running.send_signal(sent)
    ended = ending(running)
    assert (ended.code, ended.out, ended.err) == (130 if sent is signal.SIGINT else -sent, "", "")
    assert_nothing_is_left(erlab, namespaces)
    assert not erlab.state.exists()


def test_up_interrupted(erlab: Erlab, small: Path, never_settles: Path, namespaces: Namespaces) -> None:
    """A lab whose `erlab up` is interrupted before it has settled does not stay behind."""
    running = erlab.start("up", never_settles, "--timeout", "60")
    await_(lambda: named(erlab, "erlab-gw"), "the last router")
    namespaces.add(erlab.processes())
    running.send_signal(signal.SIGINT)
    ended = ending(running)
    assert (ended.code, ended.out, ended.err) == (130, "", "")
    assert_nothing_is_left(erlab, namespaces)
    assert_the_next_up_works(erlab, small)


PARTS = {
    "erlab-ce1": "the container of ce1" if in_containers() else "the router process of ce1",
    "erlab-prober": "the prober",
}


@pytest.mark.parametrize("part", PARTS)
def test_part_killed_when_up(erlab: Erlab, part: str, small: Path) -> None:
    """When a router or the prober was killed, every question to the lab ends with exit code 3 and its name."""
    erlab.does("up", small)
    kill(await_(lambda: named(erlab, part), part))
    says = f"{PARTS[part]} was killed by signal 9 (SIGKILL)"
    for question in (
        ("test", str(small), "--lab", erlab.name),
        ("status",),
        ("show", "fib", "gw"),
        ("probe", "hq", "hub"),
    ):
        ended = erlab.run(*question)
        assert (ended.code, says in ended.err, "Traceback" in ended.err) == (3, True, False), (question, ended)
    erlab.does("down")
    await_(lambda: not erlab.processes(), "the end of every process")


@pytest.mark.parametrize("part", PARTS)
def test_part_killed_during_test(erlab: Erlab, part: str, never_settles: Path, namespaces: Namespaces) -> None:
    """When a router or the prober is killed, `erlab test` ends at once with exit code 3 and its name."""
    running = erlab.start("test", never_settles, "--timeout", "60")
    await_(lambda: named(erlab, "erlab-gw"), "the last router")
    kill(await_(lambda: named(erlab, part), part))
    ended = ending(running)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"erlab: {PARTS[part]} was killed by signal 9 (SIGKILL)")
    assert_nothing_is_left(erlab, namespaces)


# rounds, and several at once


def test_ten_rounds(erlab: Erlab, small: Path, namespaces: Namespaces) -> None:
    """Ten labs, one after the other, leave as many processes, open files and namespaces as were there before."""
    erlab.processes()  # of containers the engine tells, at the end of a connection
    bury_the_dead()
    erlab.run("status")  # for what starts commands here to be there
    before = (children(), count_fds(os.getpid()))
    for _ in range(10):
        erlab.does("up", small)
        namespaces.add(erlab.processes())
        erlab.does("down")
    assert_nothing_is_left(erlab, namespaces)
    assert namespaces.count("net") >= 10 * len(NODES_OF_SMALL)
    namespaces.close()
    bury_the_dead()
    assert (children(), count_fds(os.getpid())) == before
    assert list(erlab.state.iterdir()) == []


def test_twenty_questions(erlab: Erlab, small: Path) -> None:
    """A running lab has as many processes and open files after twenty questions as after the first four."""
    erlab.does("up", small)
    counts = []
    for _ in range(5):
        erlab.does("status")
        erlab.does("probe", "hq", "hub")
        erlab.does("test", small, "--lab", erlab.name)
        erlab.shell("ce1", "true")
        counts.append({one.name: count_fds(one.pid) for one in erlab.processes()})
    assert counts[-1] == counts[0]


def test_two_labs_at_once(erlab: Erlab, tmp_path: Path, small: Path) -> None:
    """Two labs and a test of one's file run beside each other, and ending one leaves the other alone."""
    other = SMALL.write(tmp_path, f"{erlab.name[:38]}-2", "other")
    erlab.does("up", small)
    erlab.does("up", other)
    ambiguous = erlab.run("show", "fib", "gw")
    assert (ambiguous.code, ambiguous.out) == (2, "")
    assert ambiguous.err.startswith("erlab: several labs are up: choose one with --lab: ")
    erlab.does("test", small)
    erlab.does("test", small, "--lab", erlab.name)
    erlab.does("down", "--lab", erlab.name)
    names = [one["name"] for one in erlab.does("status", "--format", "json").document["labs"]]
    assert names == [f"{erlab.name[:38]}-2"]
    erlab.does("test", other, "--lab", names[0])


def test_up_twice(erlab: Erlab, small: Path) -> None:
    """A second lab of a name is refused with exit code 2, and the first one runs on."""
    erlab.does("up", small)
    before = erlab.processes()
    again = erlab.run("up", small)
    assert (again.code, again.out) == (2, "")
    assert again.err == f"erlab: a lab named {erlab.name} is up already: end it with `erlab down --lab {erlab.name}`\n"
    assert erlab.processes() == before
    erlab.does("test", small, "--lab", erlab.name)


def test_down_twice(erlab: Erlab, small: Path) -> None:
    """A second `erlab down` ends with exit code 2, does no harm, and names what is up."""
    erlab.does("up", small)
    erlab.does("down", "--lab", erlab.name)
    again = erlab.run("down", "--lab", erlab.name)
    assert (again.code, again.out, again.err) == (2, "", f"erlab: no lab named {erlab.name} is up; up are: none\n")
    assert_the_next_up_works(erlab, small)


# disks and directories

ON_A_SMALL_DISK = """
set -eu
mkdir -p "$ERLAB_STATE_DIR"
mount -t tmpfs -o "$1" none "$ERLAB_STATE_DIR"
shift
"""
FILL = 'dd if=/dev/zero of="$ERLAB_STATE_DIR/full" bs=1k 2>/dev/null || true\n'


def on_a_small_disk(erlab: Erlab, options: str, script: str, *arguments: str | Path) -> Ended:
    """Run a script whose labs keep their files on a small disk, which ends with the script."""
    in_private = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    return erlab.run_any(*in_private, ON_A_SMALL_DISK + script, "sh", options, ERLAB, *arguments)


@pytest.mark.netns
def test_no_room_for_a_lab(erlab: Erlab, small: Path, namespaces: Namespaces) -> None:
    """On a full disk `erlab up` ends with exit code 3, says what it could not keep where, and leaves nothing."""
    ended = on_a_small_disk(erlab, "size=64k", FILL + 'exec "$1" up "$2"', small)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == f"erlab: cannot keep the lab's files in {erlab.state}/{erlab.name}: No space left on device\n"
    assert_nothing_is_left(erlab, namespaces)


@pytest.mark.netns
@pytest.mark.parametrize("inodes", [2, 3, 4, 5, 6, 8, 9])
def test_no_room_for_a_log(erlab: Erlab, small: Path, inodes: int, namespaces: Namespaces) -> None:
    """Where the disk is full after so many files `erlab up` ends with exit code 3, says why, and leaves nothing."""
    ended = on_a_small_disk(erlab, f"size=64k,nr_inodes={inodes}", 'exec "$1" up "$2"', small)
    assert (ended.code, ended.out, "Traceback" in ended.err) == (3, "", False), ended
    assert "No space left on device" in ended.err
    assert_nothing_is_left(erlab, namespaces)


@pytest.mark.netns
def test_disk_fills_while_up(erlab: Erlab, small: Path, namespaces: Namespaces) -> None:
    """A lab outlives a full disk, still tells which part died, and can be ended."""
    script = f"""
        "$1" up "$2" >/dev/null
        {FILL}
        "$1" test "$2" --lab {erlab.name} >/dev/null
        "$1" shell gw -- sh -c 'kill -9 $(grep -lx erlab-ce1 /proc/[0-9]*/comm | cut -d/ -f3)'
        "$1" status || echo "status: $?"
        "$1" down
        ls "$ERLAB_STATE_DIR"
    """
    ended = on_a_small_disk(erlab, "size=64k", script, small)
    killed = (
        f"erlab: {erlab.name}: {PARTS['erlab-ce1']} was killed by signal 9 (SIGKILL); end the lab with `erlab down`\n"
    )
    assert ended == Ended(code=0, out="status: 3\nfull\n", err=f"{killed}{erlab.name} is down\n")
    assert_nothing_is_left(erlab, namespaces)


@pytest.mark.netns
def test_state_directory_without_permission(erlab: Erlab, tmp_path: Path, small: Path) -> None:
    """Where the labs' directory may not be used, each command says so and ends with exit code 3."""
    locked = tmp_path / "state"
    locked.mkdir(mode=0o000)
    ordinary = Erlab(state=locked, name=erlab.name, prefix=("unshare", "--user", "--map-user=1000"))
    up = ordinary.run("up", small)
    assert (up.code, up.out) == (3, "")
    assert up.err == f"erlab: cannot keep the lab's files in {locked}/{erlab.name}: Permission denied\n"
    for question in ("status", "down"):
        ended = ordinary.run(question)
        assert (ended.code, ended.out) == (3, "")
        assert ended.err == f"erlab: cannot look for labs in {locked}: Permission denied\n"


# accidents of commands

GARBAGE = (
    b"garbage\n",
    b"\xff\x00\xfe\n",
    b"{}\n",
    b"[1]\n",
    b'{"kind": "Nothing", "body": {}}\n',
    b'{"kind": "Probe", "body": {"flows": 5}}\n',
    b'{"kind": "Locate", "body": {"node": "nowhere"}}\n',
    b'{"kind": "Explain", "body": {"router": "nobody", "prefix": "10.0.0.0/8"}}\n',
    b'{"kind": "Converged", "body": {"pending": [], "established_s": null, "converged_s": null}}\n',
    b"an unfinished line",
    b"",
)


def test_garbage_at_the_control_socket(erlab: Erlab, small: Path) -> None:
    """Whatever a program writes to the lab's socket is refused or ignored, and the lab runs on."""
    erlab.does("up", small)
    for sent in GARBAGE:
        answer = say(erlab.state / erlab.name, sent)
        assert (answer == b"") == (sent in (b"an unfinished line", b"")), (sent, answer)
        assert answer == b"" or b'"kind":"Broken"' in answer, (sent, answer)
    erlab.does("test", small, "--lab", erlab.name)


@contextmanager
def connected(directory: Path) -> Iterator[socket.socket]:
    """A connection to a lab's socket; its path is longer than a socket's address may be."""
    at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(f"/proc/self/fd/{at}/socket")
        os.close(at)
        yield connection


def say(directory: Path, sent: bytes) -> bytes:
    """What a lab's socket answers."""
    with connected(directory) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(1 << 16)


def connections(pid: int) -> int:
    """How many commands have a connection to the supervisor."""
    # the accepted end belongs to the network namespace of the end that connected
    named = [line.split() for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()]
    its = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    return sum(f"socket:[{inode}]" in its for *_, inode, name in named if name == "socket")


def test_a_command_that_goes_away(erlab: Erlab, never_settles: Path) -> None:
    """A command that is killed while it waits for the lab does not take the lab with it."""
    assert erlab.run("up", never_settles, "--timeout", "0.1").code == 3
    waiting = erlab.start("test", never_settles, "--lab", erlab.name, "--timeout", "60")
    inside = await_(lambda: supervisor(erlab), "the supervisor")
    await_(lambda: connections(inside.pid) == 1, "the command's connection, and no other")
    waiting.kill()
    ending(waiting)
    await_(lambda: connections(inside.pid) == 0, "the end of the connection")
    assert erlab.run("status", "--format", "json").document["labs"][0]["name"] == erlab.name


def test_a_router_dies_while_it_is_asked(erlab: Erlab, small: Path) -> None:
    """Where one turn of the supervisor finds a question to a router and that router's end, both are told."""
    erlab.does("up", small)
    inside = await_(lambda: supervisor(erlab), "the supervisor")
    with connected(erlab.state / erlab.name) as connection:
        connection.sendall(b'{"kind": "Locate", "body": {"node": "gw"}}\n')
        assert b"Located" in connection.recv(1 << 16)
        os.kill(inside.pid, signal.SIGSTOP)
        await_(lambda: is_stopped(inside), "the stop of the supervisor")
        connection.sendall(b'{"kind": "ReadTables", "body": {}}\n')
        end([await_(lambda: named(erlab, "erlab-ce1"), "ce1")])
        os.kill(inside.pid, signal.SIGCONT)
        assert f"{PARTS['erlab-ce1']} was killed by signal 9".encode() in connection.recv(1 << 16)
    ended = erlab.run("status")
    assert (ended.code, f"{PARTS['erlab-ce1']} was killed by signal 9" in ended.err) == (3, True), ended


@pytest.mark.parametrize("part", ["ce1", "prober"])
def test_a_part_that_does_not_answer(erlab: Erlab, small: Path, part: str) -> None:
    """A part that does not answer is named within a deadline, at once from then on, and the lab can be ended."""
    erlab.does("up", small)
    os.kill(await_(lambda: named(erlab, f"erlab-{part}"), part).pid, signal.SIGSTOP)
    ended = erlab.run("show", "fib", "gw")
    assert (ended.code, ended.out) == (3, "")
    assert re.fullmatch(rf"erlab: .*{part}.*10 s.*\n|erlab: .*10 s.*{part}\n", ended.err), ended.err
    started_s = time.monotonic()
    assert ended.err == erlab.run("show", "fib", "gw").err
    assert time.monotonic() - started_s < 5
    erlab.does("down")
    await_(lambda: not erlab.processes(), "the end of every process")


def test_a_router_that_answers_late(erlab: Erlab, tmp_path: Path) -> None:
    """A router that is late for apply delays no other; when it goes on the lab settles as the new file says."""
    erlab.does("up", IPV4_ONLY.write(tmp_path, erlab.name))
    changed = replace(IPV4_ONLY, policies_of="{ce1: {import: prefer-more, export: own}, ce2: {import: prefer}}")
    file = changed.write(tmp_path, erlab.name, "changed")
    late = await_(lambda: named(erlab, "erlab-ce1"), "ce1")
    os.kill(late.pid, signal.SIGSTOP)
    ended = erlab.run("apply", file)
    assert (ended.code, ended.err) == (3, "erlab: no answer within 10 s from ce1\n")
    explained = erlab.does("explain", "ce2", "10.100.0.0/16", "--format", "json").document
    assert 200 in [one["used"]["local_pref"] for one in explained["candidates"]]
    status = erlab.run("status")
    assert (status.code, "ce1 has not answered yet" in status.out) == (3, True), status
    os.kill(late.pid, signal.SIGCONT)
    await_(lambda: erlab.run("status").code == 0, "the late answer")
    for _ in range(2):
        assert erlab.does("test", file, "--lab", erlab.name, "--format", "json").document["model"]["differences"] == []
