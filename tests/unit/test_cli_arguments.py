"""What the command refuses before it looks at a lab."""

from __future__ import annotations

import pytest

from lab.cli import main


@pytest.mark.parametrize("arguments", [("show", "routes", "ce1"), ("explain", "ce1", "10.0.0.0/8")])
def test_a_file_and_a_lab_are_not_asked_at_once(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A table is the model's or a lab's: naming both is a wrong call, and neither is asked."""
    assert main([*arguments, "--file", "missing.yaml", "--lab", "missing"]) == 2
    assert capsys.readouterr().err == "erlab: --file asks the model and --lab a running lab: give one of them\n"
