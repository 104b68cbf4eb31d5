"""The command's manners: what goes to which stream, in which form, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from erlab_command import DEADLINE_S, ERLAB, Ended, Erlab, in_containers
from lab_processes import bury_the_dead
from topology_text import IPV4_ONLY, NEVER_SETTLES, ONE_EDGE, SHIPPED, TopologyText

LAB = "contoso-p2p"
KEY = "Zq7NobodyMaySeeMe"
OTHER_KEY = "Zq8NobodyMaySeeMe"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erlab]:
    """The shipped lab, up, for tests that only ask it something."""
    erlab = Erlab(state=tmp_path_factory.mktemp("up") / "state", name=LAB)
    erlab.does("up", SHIPPED)
    yield erlab
    erlab.end_everything()
    bury_the_dead()


# JSON

DOCUMENTS: dict[tuple[str, ...], str] = {
    ("status",): "status",
    ("test", str(SHIPPED), "--lab", LAB): "test",
    ("show", "routes", "ce1"): "routes",
    ("show", "sessions", "msee1"): "sessions",
    ("show", "rib-in", "gw"): "rib-in",
    ("show", "rib-out", "ce2"): "rib-out",
    ("show", "fib", "gw"): "fib",
    ("show", "fib", "gw", "--file", str(SHIPPED)): "fib",
    ("explain", "ce1", "10.100.0.0/16"): "explanation",
    ("explain", "ce1", "10.100.0.0/16", "--file", str(SHIPPED)): "explanation",
    ("probe", "hq", "hub", "--dscp", "ef", "--count", "3"): "probes",
    ("trace", "hq", "hub", "--flows", "2"): "probes",
    ("matrix", "--dscp", "ef,cs0"): "matrix",
    ("check", str(SHIPPED)): "check",
    ("predict", str(SHIPPED)): "prediction",
    ("plan", str(SHIPPED)): "plan",
    ("plan", str(SHIPPED), "--diff", str(SHIPPED)): "plan-difference",
}


@pytest.mark.parametrize("arguments", DOCUMENTS, ids=" ".join)
def test_json(up: Erlab, arguments: tuple[str, ...]) -> None:
    """With `--format json` stdout holds one document, which names its schema, and nothing else."""
    kind = DOCUMENTS[arguments]
    version = 2 if kind == "plan" else 1
    assert up.does(*arguments, "--format", "json").document["schema"] == f"erlab/{kind}/{version}"


def test_json_of_a_life(erlab: Erlab) -> None:
    """`up` and `down` print a document too, and no word beside it."""
    up = erlab.does("up", SHIPPED, "--format", "json")
    assert (up.document["schema"], up.document["labs"][0]["name"], up.err) == ("erlab/status/1", LAB, "")
    down = erlab.does("down", "--format", "json")
    assert (down.document, down.err) == ({"schema": "erlab/ended/1", "name": LAB}, "")


def test_json_of_an_error(up: Erlab) -> None:
    """Where a command cannot answer, the document says why, and the exit code is in it."""
    ended = up.run("show", "fib", "ce9", "--format", "json")
    assert ended.code == ended.document["exit_code"] == 2
    assert ended.document["schema"] == "erlab/error/1"
    assert f"erlab: {ended.document['message']}\n" == ended.err


@pytest.mark.parametrize("kind", ["topology", "policy"])
def test_schema(up: Erlab, kind: str) -> None:
    """`erlab schema` prints a JSON Schema."""
    assert up.does("schema", kind).document["$schema"].startswith("https://json-schema.org/")


# probes


def test_many_probes(up: Erlab) -> None:
    """Of hundreds of packets at once each is seen at every node on its way, so that none is lost by the looking."""
    probes = up.does("probe", "hq", "hub", "--count", "300", "--format", "json").document["probes"]
    seen = {(tuple(one["forward"]), tuple(one["backward"]), one["answered"]) for one in probes}
    assert len(probes) == 600
    assert seen == {(("hq", "ce1", "msee1", "gw", "hub"), ("hub", "gw", "msee1", "ce1", "hq"), True)}


# exit codes


def test_exit_code_of_the_shell(up: Erlab) -> None:
    """`erlab shell` ends as the program in the node did, and 2 where there is no such program."""
    assert up.run("shell", "ce1", "--", "sh", "-c", "exit 42").code == 42
    missing = up.run("shell", "ce1", "--", "no-such-program")
    assert (missing.code, missing.err) == (2, "erlab: cannot run no-such-program: No such file or directory\n")


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        (("session: ce1 - msee1",), 0),
        (("session: ce1 - msee1", "no_route: {at: ce1, prefix: 10.100.0.0/16}"), 1),
        (("session: {between: ce1 - msee1, state: up}",), 2),
        ((), 3),
    ],
    ids=["passed", "failed", "wrong", "nothing asked"],
)
def test_exit_codes(erlab: Erlab, tmp_path: Path, expect: tuple[str, ...], code: int) -> None:
    """0 all passed, 1 an expectation failed, 2 the file is wrong, 3 nothing was shown."""
    file = TopologyText(expect=expect).write(tmp_path, erlab.name)
    assert erlab.run("test", file).code == code


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        (IPV4_ONLY, "only the lab has the session ce1 - msee1/ipv6"),
        (ONE_EDGE, "topology.yaml has the session ce1 - msee2/ipv4"),
        (TopologyText(vnets='{hub: [10.100.0.0/16, "2001:db8:100::/48"], lab: 10.101.0.0/16}'), " has the host lab"),
    ],
)
def test_a_file_of_another_lab(up: Erlab, tmp_path: Path, text: TopologyText, apart: str) -> None:
    """A running lab is not tested with a file that has other nodes, sessions or families; with other policies it is."""
    ended = up.run("test", text.write(tmp_path, LAB), "--lab", LAB)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("erlab: the running lab contoso-p2p is another one: ")
    assert apart in ended.err
    changed = TopologyText(policies_of="{ce1: {import: prefer-more, export: own}, ce2: {import: prefer, export: own}}")
    assert up.run("test", changed.write(tmp_path, LAB, "changed"), "--lab", LAB).code == 3


def test_a_file_that_does_not_exist(erlab: Erlab, tmp_path: Path) -> None:
    """A missing file is a wrong call, and no lab is started for it."""
    ended = erlab.run("test", tmp_path / "nothing.yaml")
    assert (ended.code, ended.out, "nothing.yaml" in ended.err) == (2, "", True)


UNKNOWN = {
    ("show", "fib", "ce9"): "ce9 is no router of this lab: routers are ce1, ce2, msee1, msee2, gw",
    ("explain", "hq", "10.0.0.0/8"): "hq is no router of this lab: routers are ce1, ce2, msee1, msee2, gw",
    ("probe", "hq", "hab"): "hab is no host of this lab: hosts are hq, hub",
    ("probe", "hq", "192.0.2.1"): "192.0.2.1 is no host of this lab: hosts are hq, hub",
    ("probe", "ce1", "hub"): "ce1 is no host of this lab: hosts are hq, hub",
    ("trace", "hq", "8.8.8.8"): "8.8.8.8 is no host of this lab: hosts are hq, hub",
    ("probe", "hq", "hub", "--port", "80"): "--port: icmp has none, write --protocol tcp or udp too",
    ("shell", "ce9"): "ce9 is no node of this lab: nodes are ce1, ce2, msee1, msee2, gw, hq, hub, lan-hq",
    ("status", "--lab", "other"): f"no lab named other is up; up are: {LAB}",
    ("probe", "hq", "hub", "--dscp", "high"): "'high' is not a DSCP: write 0 to 63",
    ("explain", "ce1", "10.0.0.1/8"): "10.0.0.1/8 has host bits set: the prefix is 10.0.0.0/8",
}


@pytest.mark.parametrize("arguments", UNKNOWN, ids=" ".join)
def test_unknown_names(up: Erlab, arguments: tuple[str, ...]) -> None:
    """A name that the lab does not have is refused with exit code 2 and the names that it has."""
    ended = up.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"erlab: {UNKNOWN[arguments]}"), ended.err


@pytest.mark.parametrize("arguments", [(), ("tset",), ("test",), ("test", "x", "--timeout", "0"), ("probe", "hq")])
def test_wrong_calls(erlab: Erlab, arguments: tuple[str, ...]) -> None:
    """A wrong call ends with exit code 2, the usage, and no data."""
    ended = erlab.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: erlab")


# progress

CURSOR = re.compile(rb"\x1b\[K")


def on_a_terminal(erlab: Erlab, *arguments: str) -> bytes:
    """What a command shows on a terminal that is its stderr; it must end with exit code 0."""
    ours, terminal = os.openpty()
    with subprocess.Popen(  # noqa: S603
        [ERLAB, *arguments], env=erlab.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal
    ) as running:
        os.close(terminal)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:  # so Linux tells that nobody has the terminal open any more
            pass
        finally:
            os.close(ours)
        assert running.wait(DEADLINE_S) == 0
    return shown


def test_progress_on_a_terminal(erlab: Erlab) -> None:
    """On a terminal long work says what it is at, in one line that is gone in the end."""
    shown = on_a_terminal(erlab, "test", str(SHIPPED))
    steps = [step.strip("\r") for step in CURSOR.sub(b"\n", shown).decode().split("\n") if step.strip("\r")]
    assert steps == [
        "reading the topology …",
        "building 10 nodes …",
        "waiting for sessions and routes to settle …",
        "sending packets …",
    ]
    assert shown.endswith(b"\r\x1b[K")


def test_no_progress_in_a_pipe(erlab: Erlab) -> None:
    """In a pipe long work says nothing but its report."""
    assert erlab.does("test", SHIPPED).err == ""
    assert erlab.does("up", SHIPPED).err == ""


# streams that are not there


def redirected(erlab: Erlab, redirection: str, *arguments: str | Path) -> Ended:
    """Run a command with its streams redirected by the shell."""
    return erlab.run_any("sh", "-c", f'"$@" {redirection}', "sh", ERLAB, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [("predict", SHIPPED), ("test", SHIPPED), ("schema", "topology"), ("down", "--format", "json")],
    ids=lambda arguments: arguments[0],
)
def test_nobody_reads_stdout(erlab: Erlab, arguments: tuple[str | Path, ...]) -> None:
    """Where the reader of stdout has left, the command ends like other programs, and without a traceback."""
    reads, writes = os.pipe()
    os.close(reads)
    with subprocess.Popen(  # noqa: S603
        [ERLAB, *map(str, arguments)],
        env=erlab.environment,
        stdin=subprocess.DEVNULL,
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        os.close(writes)
        _, err = running.communicate(timeout=DEADLINE_S)
    assert (running.returncode, err) == (141, "")


def test_stdout_is_full(erlab: Erlab) -> None:
    """Where stdout takes nothing, the command says so, and does not pass."""
    ended = redirected(erlab, ">/dev/full", "test", SHIPPED)
    assert (ended.code, ended.out, ended.err) == (3, "", "erlab: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_are_closed(erlab: Erlab, redirection: str) -> None:
    """With closed streams a lab is made, tested and ended as with open ones."""
    for arguments in (("test", SHIPPED), ("up", SHIPPED), ("test", SHIPPED, "--lab", LAB), ("down",)):
        ended = redirected(erlab, redirection, *arguments)
        assert (ended.code, "Traceback" in ended.err) == (0, False), ended


# directories and secrets


def test_a_relative_state_directory(erlab: Erlab) -> None:
    """A lab keeps its files where a relative path led when it was started."""
    script = """
        set -eu
        cd "$ERLAB_STATE_DIR/.."
        export ERLAB_STATE_DIR=here
        "$1" up "$2" >/dev/null
        ls here/contoso-p2p/prober.log
        "$1" down
    """
    erlab.state.mkdir()
    ended = erlab.run_any("sh", "-c", script, "sh", ERLAB, SHIPPED)
    assert (ended.code, ended.out) == (0, "here/contoso-p2p/prober.log\n"), ended


def test_no_key_is_shown(erlab: Erlab, tmp_path: Path) -> None:
    """An MD5 key is in no output, no log, no file, no command line and no environment of a lab."""
    keys = f"md5: {KEY}\n    customer_md5: {{ce2: {OTHER_KEY}}}"
    file = TopologyText(keys=keys, expect=("session: ce2 - msee2",)).write(tmp_path, erlab.name)
    older = NEVER_SETTLES.write(tmp_path, erlab.name, "older")
    shown = [erlab.run("up", file, "--timeout", "0.5")]
    asked: list[tuple[str | Path, ...]] = [
        ("status",),
        ("test", file, "--lab", erlab.name, "--timeout", "0.5"),
        ("show", "sessions", "ce2"),
        ("plan", file),
        ("plan", file, "--diff", older),
        ("predict", file),
    ]
    for arguments in asked:
        shown += [erlab.run(*arguments), erlab.run(*arguments, "--format", "json")]
    texts = [text for one in shown for text in (one.out, one.err)]
    texts += [one.read_text(encoding="utf-8") for one in (erlab.state / erlab.name).iterdir() if one.is_file()]
    for process in erlab.processes():
        for name in ("cmdline", "environ", "comm"):
            texts.append(Path(f"/proc/{process.pid}/{name}").read_bytes().decode(errors="replace"))
    assert len(erlab.processes()) == (16 if in_containers() else 11)  # each container has a process 1 of its own
    assert [text for text in texts if KEY in text or OTHER_KEY in text] == []
    assert any("MD5" in text for text in texts), json.dumps(texts)
