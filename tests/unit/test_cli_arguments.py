"""What the command refuses before it looks at a lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli import DEFAULT_TIMEOUT, main
from lab.commands import live

TOPOLOGIES = Path(__file__).parents[2] / "topologies"


@pytest.mark.parametrize("arguments", [("show", "routes", "ce1"), ("explain", "ce1", "10.0.0.0/8")])
def test_a_file_and_a_lab_are_not_asked_at_once(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A table is the model's or a lab's: naming both is a wrong call, and neither is asked."""
    assert main([*arguments, "--file", "missing.yaml", "--lab", "missing"]) == 2
    assert capsys.readouterr().err == "erlab: --file asks the model and --lab a running lab: give one of them\n"


def test_check_finds_a_topology_without_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose single mistake only its plan shows, no addresses left for the core, is not called good."""
    shipped = (TOPOLOGIES / "any_to_any_ipvpn.yaml").read_text(encoding="utf-8")
    said = shipped.replace("../policies", str(TOPOLOGIES.parent / "policies"))
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(said, encoding="utf-8")
    used = "fab1: [100.64.0.0/10, 10.254.0.0/16, 172.31.0.0/16,"
    bad.write_text(said.replace("fab1: [10.10.0.0/16,", used), encoding="utf-8")
    assert main(["check", str(good)]) == 0
    assert main(["check", str(good), str(bad)]) == 2
    assert f"{bad}: the topology uses every block that the lab could give to the core: " in capsys.readouterr().err


def test_help_names_the_time_that_a_lab_has_to_settle() -> None:
    """The words of `--timeout` are of the seconds that are waited, with the lab's own routers and with others'."""
    assert f"{live.TIMEOUT_S:g}, and {live.FOREIGN_TIMEOUT_S:g} with other vendors' routers" == DEFAULT_TIMEOUT
