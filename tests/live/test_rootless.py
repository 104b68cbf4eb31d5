"""An ordinary user's lab: made without any privilege, or refused with one message that says what to do.

A user with a number of its own in a user namespace and no capability stands for the ordinary user, so that these tests
prove the same whether root or an ordinary user runs them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from erlab_command import AS_ORDINARY_USER, ERLAB, Erlab
from lab_processes import await_
from topology_text import SHIPPED, TopologyText

pytestmark = pytest.mark.netns
REFUSING = (
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    'echo 1 > /proc/sys/user/max_user_namespaces && exec "$@"',
    *("sh", *AS_ORDINARY_USER),
)
"""Runs a command as an ordinary user where the one user namespace that there may be is that user's own."""


@pytest.fixture
def ordinary(erlab: Erlab) -> Erlab:
    """The command as an ordinary user runs it."""
    return replace(erlab, prefix=AS_ORDINARY_USER)


@pytest.fixture
def refused(erlab: Erlab) -> Erlab:
    """The command as a user runs it who may make no namespaces."""
    return replace(erlab, prefix=REFUSING)


def test_the_user_is_ordinary(ordinary: Erlab, refused: Erlab) -> None:
    """The user of these tests is not root, has no capability, and may make user namespaces, or may not."""
    status = ordinary.run_any("grep", "-E", "^(Uid|Cap(Prm|Eff|Amb)):", "/proc/self/status").out.split()
    none = "0000000000000000"
    assert status == ["Uid:", *["1000"] * 4, "CapPrm:", none, "CapEff:", none, "CapAmb:", none]
    assert ordinary.run_any("unshare", "--user", "true").code == 0
    assert "No space left on device" in refused.run_any("unshare", "--user", "true").err


def test_the_main_job(ordinary: Erlab) -> None:
    """An ordinary user's lab passes every expectation of the shipped experiment, and is what was predicted."""
    report = ordinary.does("test", SHIPPED, "--format", "json").document
    assert report["summary"] == {"passed": 13, "failed": 0, "inconclusive": 0}
    assert report["model"]["differences"] == []
    assert "started by an ordinary user" in report["fidelity"][0]


def test_bfd(ordinary: Erlab, tmp_path: Path) -> None:
    """In an ordinary user's lab BFD comes Up, as predicted."""
    file = TopologyText(keys="bfd: true", expect=("session: ce1 - msee1",)).write(tmp_path, ordinary.name)
    report = ordinary.does("test", file, "--format", "json").document
    assert (report["summary"]["passed"], report["model"]["differences"]) == (1, [])


def test_a_lab_that_is_up(ordinary: Erlab) -> None:
    """An ordinary user starts a lab, looks into its nodes, probes it, tests it, ends it, and nothing is left."""
    script = """
        set -eu
        "$1" up "$2" >/dev/null
        "$1" shell gw -- ip -oneline address show to-hub | grep -o 'inet 10[^ ]*'
        "$1" shell ce1 -- id -u
        "$1" shell ce1 -- sh -c 'nft add table inet mine && nft list tables'
        "$1" probe hq hub --dscp ef >/dev/null
        "$1" probe hq hub --protocol tcp --port 443 >/dev/null
        "$1" matrix --protocol udp >/dev/null
        "$1" test "$2" --lab contoso-p2p >/dev/null
        "$1" down
        ls "$ERLAB_STATE_DIR"
    """
    ended = ordinary.run_any("sh", "-c", script, "sh", ERLAB, SHIPPED)
    assert (ended.code, ended.out) == (0, "inet 10.100.0.1/16\n0\ntable inet mine\n"), ended
    assert ended.err == "contoso-p2p is down\n"
    await_(lambda: not ordinary.processes(), "the end of every process")


@pytest.mark.parametrize("command", ["test", "up"])
def test_no_namespaces(refused: Erlab, command: str) -> None:
    """Where the kernel refuses namespaces, one message says how to allow them, and the exit code is 3."""
    ended = refused.run(command, SHIPPED)
    assert (ended.code, ended.out) == (3, "")
    first, *rest = ended.err.splitlines()
    assert first == "erlab: unshare: No space left on device"
    assert rest[0].startswith("the kernel did not let this user make namespaces")
    assert rest[-1].startswith("or run erlab as root. `erlab check` and `erlab predict` need no namespaces")
    assert sum("sysctl" in line for line in rest) == 3
    await_(lambda: not refused.processes(), "the end of every process")


def test_what_needs_no_namespaces(refused: Erlab) -> None:
    """Where the kernel refuses namespaces, `check`, `predict`, `plan` and the predicted tables work."""
    refused.does("check", SHIPPED)
    refused.does("predict", SHIPPED)
    refused.does("plan", SHIPPED)
    refused.does("show", "fib", "gw", "--file", SHIPPED)
    refused.does("explain", "ce1", "10.100.0.0/16", "--file", SHIPPED)


def test_no_lab_stays_behind_a_refusal(refused: Erlab, tmp_path: Path) -> None:
    """A lab that was refused is not up, and its name is free."""
    assert refused.run("up", SHIPPED).code == 3
    ended = refused.run("status", "--format", "json")
    assert (ended.code, ended.document["labs"]) == (0, [])
    assert [one.name for one in (tmp_path / "state" / "contoso-p2p").iterdir()] == ["lock"]
