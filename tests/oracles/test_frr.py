"""The oracle itself: FRR runs where it harms nothing, and nothing of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from frr import running_frr, running_frr_with_zebra
from lab_processes import await_, mounts_at, processes_with


@pytest.mark.parametrize("with_zebra", [False, True])
def test_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, with_zebra: bool) -> None:
    """While FRR runs its processes are there, and afterwards none, nor a mount or a file of its own elsewhere."""
    mark = f"ORACLE={tmp_path}"
    monkeypatch.setenv("ORACLE", str(tmp_path))
    place = Path("/var/tmp/frr")  # noqa: S108  # where FRR keeps what it logged last
    before = sorted(place.glob("*"))
    with running_frr_with_zebra(tmp_path, ()) if with_zebra else running_frr(tmp_path):
        names = {process.name for process in processes_with(mark)}
        assert names >= ({"bgpd", "zebra"} if with_zebra else {"bgpd"})
    await_(lambda: not processes_with(mark), "the end of every process")
    assert sorted(place.glob("*")) == before
    assert mounts_at("/var/tmp", "/run/group", "/etc/group") == []  # noqa: S108  # likewise


def test_a_test_that_fails_leaves_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception ends FRR too."""
    monkeypatch.setenv("ORACLE", str(tmp_path))
    with pytest.raises(KeyError), running_frr(tmp_path):
        raise KeyError
    await_(lambda: not processes_with(f"ORACLE={tmp_path}"), "the end of every process")
