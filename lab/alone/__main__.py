"""`python -m lab.alone PLAN.json` is a device; `... tables` and `... healthy`, beside it, tell of it.

Exit codes: 0 ended by SIGTERM, or healthy; 1 not healthy; 2 the call or the file is wrong; 3 it cannot be that device.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from lab.alone.asking import ANSWER_DEADLINE_S, connected, pending
from lab.errors import InputError, LabError

TABLES, HEALTHY = "tables", "healthy"
SOCKET = Path("/run/erlab/device.sock")
"""Where a device tells of itself."""
INTERFACES_DEADLINE_S = 600.0
"""A vendor's image at the other end may be fetched, and a virtual machine be started, before a wire is there."""


def main(argv: list[str]) -> int:
    """Run, or ask; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.alone", description="A device of an exported lab.")
    parser.add_argument("what", metavar="PLAN|tables|healthy", help="the device's file, or what to show of one")
    parser.add_argument("--socket", type=Path, default=SOCKET, help=f"where the device tells of itself ({SOCKET})")
    parser.add_argument(
        "--wait",
        type=float,
        default=INTERFACES_DEADLINE_S,
        metavar="SECONDS",
        help=f"how long its interfaces may take to come (default {INTERFACES_DEADLINE_S:g})",
    )
    arguments = parser.parse_args(argv)
    try:
        if arguments.what == TABLES:
            return _tables(arguments.socket)
        if arguments.what == HEALTHY:
            return _healthy(arguments.socket)
        _run(Path(arguments.what), arguments.socket, arguments.wait)
    except LabError as problem:
        sys.stderr.write(f"erlab: {problem}\n")
        return problem.exit_code


def _run(file: Path, control: Path, wait_s: float) -> NoReturn:
    from lab.alone.device import run
    from lab.device_file import from_text

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise InputError(f"{file}: {problem.strerror}") from None
    run(from_text(text, str(file)), control, wait_s)


def _healthy(control: Path) -> int:
    """Whether every session is up; a line for each that is not."""
    missing = pending(control)
    for words in missing:
        print(words)
    return 1 if missing else 0


def _tables(control: Path) -> int:
    """Show the sessions, routes and kernel's routes of each of the device's routers."""
    from lab.channel import Channel
    from lab.questions.control import ReadStatus
    from lab.questions.plans import Status
    from lab.questions.tables import ReadTables, Tables
    from lab.report.tables_text import table

    channel = Channel(connected(control), "the device")
    plan = channel.ask(ReadStatus(), Status, deadline_s=ANSWER_DEADLINE_S).plan
    if not plan.routers:
        print("this device speaks no BGP")
    for router in channel.ask(ReadTables(), Tables, deadline_s=ANSWER_DEADLINE_S).tables.routers:
        for what in ("sessions", "routes", "fib"):
            print(f"{router.router}: {what}\n{table(plan, router, what)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
