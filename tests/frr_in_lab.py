"""FRR's bgpd in a node of a live lab, so that a router of the lab has a real session with it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from erlab_command import ERLAB, Erlab
from frr import Bgpd
from frr_host import bgpd_command


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
