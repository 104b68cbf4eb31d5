"""Every shipped topology, live: all that it expects holds, and the lab is what the model predicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from covered_models import TOPOLOGIES
from erlab_command import USERS, Erlab


@pytest.mark.parametrize("prefix", USERS)
@pytest.mark.parametrize("file", TOPOLOGIES, ids=lambda file: file.stem)
def test_it_holds(erlab: Erlab, file: Path, prefix: tuple[str, ...]) -> None:
    """Each expectation passes for root and for an ordinary user, and no route is other than predicted."""
    report = replace(erlab, prefix=prefix).does("test", file, "--timeout", "30", "--format", "json").document

    assert report["model"]["differences"] == []
    assert [one for one in report["verdicts"] if one["outcome"] != "passed"] == []
    assert len(report["verdicts"]) > 5
