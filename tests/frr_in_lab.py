"""FRR's bgpd in a node of a live lab, so that a router of the lab has a real session with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from erlab_command import ERLAB, Erlab
from frr import Bgpd
from frr_host import bgpd_command
from lab.codec import plain
from lab.plan import Plan


def build(erlab: Erlab, plan: Plan) -> None:
    """Start the lab of a plan under the name that `erlab` has for one."""
    built = subprocess.run(  # noqa: S603
        [sys.executable, str(Path(__file__).with_name("run_plan.py")), erlab.name],
        input=json.dumps([plain(plan)]),
        env=erlab.environment,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr


@contextmanager
def bgpd_in(erlab: Erlab, node: str, directory: Path, configuration: str) -> Iterator[Bgpd]:
    """FRR's bgpd in a node; what it leaves in /var/tmp goes with the lab."""
    (directory / "bgpd.conf").write_text(configuration, encoding="utf-8")
    hidden = ("sh", "-c", 'mount -t tmpfs none /var/tmp && exec "$@"', "sh")
    with (directory / "bgpd.log").open("wb") as log:
        started = subprocess.Popen(  # noqa: S603
            [ERLAB, "shell", node, "--", *hidden, *bgpd_command(str(directory))],
            env=erlab.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    frr = Bgpd(directory)
    try:
        frr.begin()
        yield frr
    finally:
        frr.close()
        pid = (directory / "bgpd.pid").read_text(encoding="utf-8").strip()
        erlab.shell(node, "sh", "-c", f"kill {pid}")  # the shell's own kill: a bare Debian has no other
        started.wait(timeout=10)
