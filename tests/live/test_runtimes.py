"""The contract of runtimes: one life of a small lab, the same in namespaces, in containers and in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CONTRACT = Path(__file__).parents[1] / "runtime_contract.py"
DEADLINE_S = 180
ENDED = {
    "netns": "the router process of r3 was killed by signal 9 (SIGKILL)",
    "docker": "the container of r3 was killed by signal 9 (SIGKILL)",
    "memory": "the router r3 was ended",
}
NETNS, DOCKER = pytest.mark.netns, pytest.mark.docker


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("memory", marks=NETNS),
        pytest.param("netns", marks=NETNS),
        pytest.param("docker", marks=DOCKER),
    ],
)
def test_every_runtime_keeps_the_contract(kind: str) -> None:
    """Routers start together, answer as the model does, freeze, die and come back, and how one ended is known at once.

    Nothing is left when the runtime is closed, twice, and the process has ended that it was used in.
    """
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(CONTRACT), kind], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen.pop("how it ended") == ENDED[kind]
    assert seen.pop("seconds until that was known") < 2.0
    assert seen.pop("fidelity")[0].startswith("runtime: ")
    assert seen.pop("namespaces") == ([] if kind == "memory" else ["r1", "r2", "r3"])
    assert all(kib is None if kind == "memory" else 1000 < kib < 200_000 for kib in seen.pop("memory"))
    assert seen.pop("a frozen one answers") is False
    assert seen.pop("left") == []
    assert kind == "docker" or seen.pop("found where one leaves something") == ["left-behind"]
    assert all(value is True for value in seen.values()), seen
