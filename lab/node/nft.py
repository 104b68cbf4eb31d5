"""The program nft, which writes tables of rules into the network namespace that the caller is in.

Why the program and not netlink: docs/decisions/0017-source-nat.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from lab.errors import LabBroken

_PLACES = "/usr/sbin:/sbin:/usr/local/sbin"
"""Where nft is on systems whose users do not have these directories in their PATH."""
_DEADLINE_S = 10.0


def is_installed() -> bool:
    """Whether there is a program nft."""
    return _program() is not None


def write(ruleset: str, what: str) -> None:
    """Let the kernel do what a text in the language of nft(8) says. Raises LabBroken, which names `what`."""
    program = _program()
    if program is None:
        raise LabBroken(f"the program nft is gone: there is nothing to make {what} with")
    done = subprocess.run(  # noqa: S603
        [program, "-f", "-"], input=ruleset, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
    )
    if done.returncode != 0:
        raise LabBroken(f"nft could not make {what}: {done.stderr.strip()}")


def _program() -> str | None:
    return shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_PLACES}")
