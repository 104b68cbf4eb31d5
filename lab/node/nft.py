"""The program nft, which gives the kernel rules in the network namespace that the calling thread is in.

Why the program and not netlink: docs/decisions/0017-source-nat.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable

from lab.errors import LabBroken
from lab.plan import NodePlan

_PLACES = "/usr/sbin:/sbin:/usr/local/sbin"
"""Where nft is on systems whose users do not have these directories in their PATH."""
_DEADLINE_S = 10.0


def check_program(nodes: Iterable[NodePlan]) -> None:
    """Raise LabBroken where nodes translate addresses or rewrite marks, and nft is not installed."""
    needing: dict[str, list[str]] = {}
    for node in nodes:
        for does, rules in (("translates addresses", node.nat), ("rewrites marks", node.marking)):
            if rules:
                needing.setdefault(does, []).append(node.name)
    if needing and _program() is None:
        does_what = "; ".join(f"{', '.join(names)} {does}" for does, names in needing.items())
        raise LabBroken(
            f"{does_what}, which takes the program nft, and it is not installed: install the package nftables"
        )


def load(rules: str, what: str) -> None:
    """Load rules in the language of nft(8), all or none. Raises LabBroken, which says `what` they were to make."""
    program = _program()
    if program is None:
        raise LabBroken("the program nft is gone")
    done = subprocess.run(  # noqa: S603
        [program, "-f", "-"], input=rules, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
    )
    if done.returncode != 0:
        raise LabBroken(f"nft could not make {what}: {done.stderr.strip()}")


def _program() -> str | None:
    return shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_PLACES}")
