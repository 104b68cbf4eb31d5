"""Sessions that one of their ends closed and keeps closed, as seen by the commands that ask a running lab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from erlab_command import Erlab
from lab.commands.offline import load
from lab.controller import find_lab
from lab.predict import predict
from lab.questions.tables import ReadTables, Tables
from lab.tables import differences
from lab_processes import await_
from topology_text import IPV4_ONLY, TopologyText

if TYPE_CHECKING:
    import pytest


def limited(restart: str) -> TopologyText:
    """One customer edge that allows one prefix of the two that Microsoft sends on each of its sessions."""
    return replace(
        IPV4_ONLY,
        routers="ce1",
        policies_of=f"{{ce1: {{import: prefer, export: own, max_prefix: {{limit: 1, restart: {restart}}}}}}}",
        vnets="{hub: 10.100.0.0/16, lab: 10.101.0.0/16}",
        expect=("session: {between: ce1 - msee1, state: down}",),
    )


def test_a_session_that_stays_closed_has_settled(erlab: Erlab, tmp_path: Path) -> None:
    """A lab whose model has the session closed is settled for status and test, as it was for up."""
    file = limited("never").write(tmp_path, erlab.name)
    erlab.does("up", file)
    erlab.does("status")
    assert erlab.does("test", file, "--lab", erlab.name, "--format", "json").document["notes"] == []
    erlab.shell("gw", "ip", "link", "set", "to-msee1", "down")
    await_(lambda: erlab.run("status").code == 3, "a session that should be up")


def test_tables_that_are_read_while_a_session_is_tried_again(
    erlab: Erlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read while a closed session comes up for a moment is marked so; what is not marked is as predicted."""
    file = limited("1 s").write(tmp_path, erlab.name)
    erlab.does("up", file)
    predicted = predict(load(str(file))[1]).tables
    monkeypatch.setenv("ERLAB_STATE_DIR", str(erlab.state))
    marked, sound = 0, 0
    with find_lab(erlab.name) as lab:

        def read_often() -> bool:
            nonlocal marked, sound
            seen = lab.channel.ask(ReadTables(), Tables, deadline_s=10)
            if seen.pending:
                marked += 1
            else:
                sound += 1
                assert list(differences(predicted, seen.tables)) == []
            return marked > 3 and sound > 3

        await_(read_often, "tables of a session that is tried", deadline_s=30)
    for _ in range(3):
        erlab.does("test", file, "--lab", erlab.name)
