"""Directories of circuits, good and bad ones, and what is asked of all of them at once."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

from erlab_command import Ended
from lab.cli import main
from topology_text import ONE_EDGE, POLICIES, TopologyText

_CIRCUITS = {
    "a": ONE_EDGE,
    "b": TopologyText(expect=("route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 50}",)),
    "c": TopologyText(sku="gold"),
    "d": TopologyText(),
}
"""A good one, one that the model contradicts, one with a mistake, and one whose policies the last version lacks."""


def write_circuits(directory: Path) -> None:
    """Write three versions of a directory: `before`, `old`, which is equal, and `new` with other policies."""
    for version in ("before", "old", "new"):
        (directory / version).mkdir()
        for name, text in _CIRCUITS.items():
            policies = POLICIES.replace("200", "250") if version == "new" else POLICIES
            replace(text, policies=policies).write(directory / version, f"circuit-{name}", file=name)
    (directory / "new" / "d-policies.yaml").unlink()


def calls(directory: Path) -> tuple[tuple[str, ...], ...]:
    """What is asked of the last version, and of what is different in it."""
    new = str(directory / "new")
    return (
        ("check", new, "--format", "json"),
        ("predict", new, "--format", "json"),
        ("policy", "diff", str(directory / "before"), new),
    )


def in_this_process(*arguments: str) -> Ended:
    """What a command says, and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    return Ended(code=code, out=out.getvalue(), err=err.getvalue())
