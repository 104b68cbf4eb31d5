"""An exported lab whose nodes are started by hand, wired as containerlab would wire them, and left to themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import exported_lab
from lab.cli import main

TOP = Path(__file__).parents[2]
SCRIPT = Path(exported_lab.__file__)
IN_NEW_NAMESPACES = (
    *("unshare", *(("--user", "--map-root-user") if os.geteuid() else ())),
    *("--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"),
)
AS_ROOT = ("sudo", "-n") if os.geteuid() else ()
IMAGE = os.environ.get("ERLAB_IMAGE", "erlab/node")
DEADLINE_S = 300.0


def seen(kind: str, directory: Path, topology: str, shown: str, *stopped: str) -> dict[str, Any]:
    """What a lab showed whose nodes were started by hand, before and after some of them were stopped."""
    export = ["export", "containerlab", str(TOP / "topologies" / f"{topology}.yaml"), "-o", str(directory)]
    assert main([*export, "--image", IMAGE]) == 0
    (file,) = directory.glob("*.clab.yml")
    prefix = IN_NEW_NAMESPACES if kind == "namespaces" else AS_ROOT
    argv = [*prefix, "env", f"PYTHONPATH={TOP}", sys.executable, str(SCRIPT), kind, str(file), "hq", "hub", shown]
    done = subprocess.run(  # noqa: S603
        [*argv, *stopped],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("kind", "topology", "shown", "stopped"),
    [
        pytest.param(
            *("containers", "point_to_point_ethernet_layer2", "msee1", ("line1", "line2")),
            marks=pytest.mark.docker,
            id="in containers",
        ),
        pytest.param(
            *("namespaces", "qos_queues", "ce1", ("wire-primary", "line2")),
            marks=pytest.mark.netns,
            id="an impaired wire is a device",
        ),
        pytest.param(
            *("namespaces", "any_to_any_ipvpn", "pe1", ("msee1", "msee2")),
            marks=pytest.mark.netns,
            id="VRFs and tunnels are inside of a device",
        ),
    ],
)
def test_exported_nodes_configure_themselves_and_carry_packets_end_to_end(
    kind: str, topology: str, shown: str, stopped: tuple[str, ...], tmp_path: Path
) -> None:
    """Every session comes up with nobody to coordinate it, and hosts reach each other; without a part between, not."""
    found = seen(kind, tmp_path, topology, shown, *stopped)
    told = json.loads(next(tmp_path.glob(f"*/{shown}.json")).read_text(encoding="utf-8"))["device"]["plan"]["nodes"]
    for node in told:
        sessions = found["tables"].partition(f"{node['name']}: sessions\n")[2].partition("\n\n")[0].splitlines()[1:]
        assert len(sessions) == len(node["bgp"]["sessions"]) > 0
        assert all(" established " in line for line in sessions), sessions
    assert found["still_reached"] == []


@pytest.mark.netns
def test_a_device_says_what_it_lacks_and_ends(tmp_path: Path) -> None:
    """An interface that does not come, one that nobody starts, and a socket at which no device answers."""
    assert main(["export", "containerlab", str(TOP / "topologies" / "failover.yaml"), "-o", str(tmp_path)]) == 0
    plan = next(tmp_path.glob("*/hq.json"))
    control = str(tmp_path / "hq.sock")
    program = [sys.executable, "-m", "lab.alone"]
    waiting = [*IN_NEW_NAMESPACES, *program, str(plan), "--socket", control, "--wait", "0.1"]
    done = subprocess.run(waiting, capture_output=True, text=True, timeout=DEADLINE_S, check=False, cwd=TOP)  # noqa: S603
    assert done.returncode == 3, done
    assert (
        "hq: after 0.1 s these interfaces were not up: eth0 (is not there); join each to its other end" in done.stderr
    )
    asked = [*program, "healthy", "--socket", control]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=DEADLINE_S, check=False, cwd=TOP)  # noqa: S603
    assert (done.returncode, done.stdout) == (3, "")
    assert "no device answers at" in done.stderr
