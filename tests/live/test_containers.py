"""Routers as Docker containers: what they may do, what is said of one that dies, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from engine_proxy import Moment, fatal_engine
from erlab_command import AS_ORDINARY_USER, Erlab
from lab_containers import containers_of
from lab_processes import await_
from networks import Net
from running_labs import leave_up
from topology_text import IPV4_ONLY, TopologyText

pytestmark = pytest.mark.docker
KEY = "Zq7NobodyMaySeeMe"
MEMORY_BYTES, CPUS = 192 << 20, 0.75
CAPABILITIES = 1 << 10 | 1 << 12 | 1 << 13
"""CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW (linux/capability.h)."""
ROUTERS = {"ce1", "msee1", "msee2", "gw"}
NOTICED_S = 2.0
FIRST_STEPS = {Moment.ASKED: 4, Moment.DONE: 5}
"""The first four requests are questions, of which nothing is left: who the engine is, the image, and what is there."""
ASKED_LAST = "/json HTTP"
"""What a container's process is; only while one says nothing the engine is asked more."""


def small(erlab: Erlab, tmp_path: Path, more: str = "") -> Path:
    """The file of the smallest circuit that there is, with a key and with what is to be added to it."""
    text = TopologyText(
        routers="ce1",
        networks=IPV4_ONLY.networks,
        primary=IPV4_ONLY.primary,
        secondary=IPV4_ONLY.secondary,
        vnets=IPV4_ONLY.vnets,
        policies_of="{ce1: {import: prefer, export: own}}",
        keys=f"md5: {KEY}",
    )
    file = text.write(tmp_path, erlab.name)
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{more}\n", encoding="utf-8")
    return file


@pytest.fixture
def api() -> Iterator[docker.APIClient]:
    """The engine's own words."""
    client = docker.APIClient()
    yield client
    client.close()


class Containers:
    """The containers of a lab that is up, as the engine has them."""

    def __init__(self, api: docker.APIClient, erlab: Erlab) -> None:
        self.api = api
        self.ids = {one.labels["erlab.node"]: one.id for one in containers_of(erlab.state)}

    def inspect(self, node: str) -> Any:  # noqa: ANN401  # JSON has no narrower type
        """All that the engine knows of one."""
        return self.api.inspect_container(self.ids[node])

    def runs(self, node: str, *argv: str) -> tuple[int, str]:
        """What a program in it ends with, and says."""
        started = self.api.exec_create(self.ids[node], list(argv))["Id"]
        said = self.api.exec_start(started).decode()
        return int(self.api.exec_inspect(started)["ExitCode"]), said


def test_a_router_may_do_what_it_needs_and_no_more(erlab: Erlab, api: docker.APIClient, tmp_path: Path) -> None:
    """A container is an ordinary user with three capabilities, nothing of the host in it, limits, labels and a check.

    The key of a session is in nothing that the engine tells or keeps.
    """
    erlab.does("up", small(erlab, tmp_path, f"containers: {{memory: 192 MiB, cpus: {CPUS}}}"), "--timeout", "30")
    containers = Containers(api, erlab)
    assert containers.ids.keys() == ROUTERS
    for node in ROUTERS:
        seen = containers.inspect(node)
        host, config = seen["HostConfig"], seen["Config"]
        assert (host["NetworkMode"], host["Privileged"], host["ReadonlyRootfs"]) == ("none", False, True)
        assert (host["CapDrop"], {one.removeprefix("CAP_") for one in host["CapAdd"]}) == (
            ["ALL"],
            {"NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW"},
        )
        assert (seen["Mounts"], host["Binds"], host["PidsLimit"]) == ([], None, 64)
        assert (host["Memory"], host["NanoCpus"]) == (MEMORY_BYTES, round(CPUS * 1e9))
        assert "/proc/sys" in host["ReadonlyPaths"]
        assert (config["Labels"]["erlab.lab"], config["Labels"]["erlab.node"]) == (erlab.name, node)
        assert KEY not in json.dumps(seen) + containers.api.logs(containers.ids[node]).decode()
    _, status = containers.runs("ce1", "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split()
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {CAPABILITIES}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert containers.runs("ce1", "touch", "/here")[0] != 0
    assert containers.runs("ce1", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")[0] != 0
    check = containers.inspect("ce1")["Config"]["Healthcheck"]["Test"][1:]
    assert containers.runs("ce1", *check)[0] == 0
    erlab.does("fail", "router_killed", "ce1", "--timeout", "30")
    assert containers.runs("ce1", *check)[0] == 1
    erlab.does("heal", "--timeout", "30")
    assert containers.runs("ce1", *check)[0] == 0


def test_a_container_that_dies_is_named_at_once(erlab: Erlab, api: docker.APIClient, tmp_path: Path) -> None:
    """Every question is answered with its name, how it ended, and what it said last, in far less than a deadline.

    That the reason is there within two seconds is in the contract of runtimes, without the time of commands.
    """
    erlab.does("up", small(erlab, tmp_path), "--timeout", "30")
    containers = Containers(api, erlab)
    assert erlab.run("status").code == 0
    stopped_s = time.monotonic()
    containers.api.kill(containers.ids["gw"], "SIGTERM")
    await_(lambda: erlab.run("status").code == 3, "that the lab says it is broken")  # a command takes its time, too
    asked = erlab.run("show", "routes", "ce1")
    assert asked.err == "erlab: the container of gw was killed by signal 15 (SIGTERM); end the lab with `erlab down`\n"
    assert time.monotonic() - stopped_s < 10 * NOTICED_S
    erlab.does("down")
    assert containers_of(erlab.state) == []


def test_a_router_without_memory_is_named(erlab: Erlab, tmp_path: Path) -> None:
    """A router that needs more memory than it may take is the cause that is told, and nothing is left of its lab."""
    ended = erlab.run("up", small(erlab, tmp_path, "containers: {memory: 20 MiB}"))
    assert ended.code == 3
    assert " was killed for taking more memory than it may (exit code 137)" in ended.err
    assert containers_of(erlab.state) == []
    assert erlab.run("status", "--lab", erlab.name).code == 2


REFUSALS = {
    "no engine": ({"DOCKER_HOST": "unix:///nowhere.sock"}, "could not reach the Docker engine"),
    "another computer": ({"DOCKER_HOST": "tcp://192.0.2.1:2375"}, "the engine has to run on this computer"),
    "no image": ({"ERLAB_IMAGE": "erlab/nothing"}, "there is no image erlab/nothing here: make it with `make image`"),
    "no root": ({}, "run `sudo erlab ...`, or leave out `--runtime docker`"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_is_missing_is_said(erlab: Erlab, tmp_path: Path, why: str) -> None:
    """Without root, engine or image a lab is refused with exit code 3 and what to do, and nothing is left of it."""
    variables, says = REFUSALS[why]
    prefix = AS_ORDINARY_USER if why == "no root" else ()
    ended = replace(erlab, prefix=prefix, variables=variables).run("up", small(erlab, tmp_path))
    assert (ended.code, ended.out, says in ended.err, "Traceback" in ended.err) == (3, "", True, False), ended
    assert erlab.run("status", "--format", "json").document["labs"] == []


@pytest.fixture
def bystander(erlab: Erlab, tmp_path: Path) -> Iterator[Erlab]:
    """The command of somebody else, whose lab has the same name."""
    other = replace(erlab, state=tmp_path / "bystander")
    yield other
    other.end_everything()


@pytest.mark.parametrize("moment", Moment)
def test_down_removes_what_a_killed_supervisor_left(erlab: Erlab, bystander: Erlab, moment: Moment) -> None:
    """Killed at each of its requests to the engine, before and after, a lab is wholly removed by the next `down`.

    So it is when it is up. A second `down` finds nothing, and another lab's containers stay.
    """
    net = Net()
    net.router("a", 65001)
    net.router("b", 65002)
    net.session("a", "b")
    plan = net.plan()
    assert leave_up(bystander, plan).code == 0
    others = {one.id for one in containers_of(bystander.state)}
    assert len(others) == 2
    killed_at = list[str]()
    while sum(ASKED_LAST in one for one in killed_at) < 2:
        with fatal_engine(FIRST_STEPS[moment] + len(killed_at), moment) as (proxy, docker_host):
            ended = leave_up(replace(erlab, variables={"DOCKER_HOST": docker_host}), plan)
        assert proxy.killed is not None, (killed_at, ended)
        killed_at.append(proxy.killed)
        assert ended.code != 0, (proxy.killed, ended)
        erlab.does("down", "--lab", erlab.name)
        assert containers_of(erlab.state) == [], killed_at
        assert list(erlab.state.iterdir()) == []
    assert all(any(step in one for one in killed_at) for step in ("/containers/create", "/start")), killed_at
    assert leave_up(erlab, plan).code == 0
    (supervisor,) = [one for one in erlab.processes() if one.name.startswith("erlab:")]
    os.kill(supervisor.pid, signal.SIGKILL)
    await_(lambda: erlab.run("status", "--lab", erlab.name).code == 2, "the end of the lab")
    erlab.does("down")
    again = erlab.run("down")
    assert (again.code, again.err) == (2, "erlab: no lab is up: start one with `erlab up FILE`\n")
    assert containers_of(erlab.state) == []
    assert {one.id for one in containers_of(bystander.state)} == others
