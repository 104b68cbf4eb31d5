"""Plots of a run: they are of the measurement that the report tells of."""

from __future__ import annotations

import re
from pathlib import Path

from erlab_command import Erlab
from topology_text import TopologyText

EXPECT = (
    "session: ce1 - msee1",
    "failover: {when: {session_reset: ce1 - msee1}, from: hq, to: hub, outage_under: 1 s}",
)


def test_a_failover_is_drawn(erlab: Erlab, tmp_path: Path) -> None:
    """Behind the report of a failover there is a plot with its figures, and none of what is not measured over time."""
    file = TopologyText(expect=EXPECT).write(tmp_path, erlab.name)
    plots = tmp_path / "new" / "plots"
    ended = erlab.run("test", file, "--format", "json", "--plots", plots)
    name = plots / f"{erlab.name}-2-failover"
    assert ended.err.splitlines()[-2:] == [f"plot: {name}.svg", f"plot: {name}.png"], ended
    assert sorted(one.name for one in plots.iterdir()) == [f"{name.name}.png", f"{name.name}.svg"]
    (failover,) = ended.document["failovers"]
    (run,) = failover["runs"]
    svg = name.with_suffix(".svg").read_text(encoding="utf-8")
    for way in ("there", "back"):
        stream = run[way]
        figures = f"{stream['during']['lost']} lost, {stream['during']['outage_ms']:.1f} ms"
        assert re.search(rf"{stream['from']} to {stream['to']}:\s+{figures}", re.sub("<[^>]*>", "", svg)), figures
    assert ended.document["verdicts"][1]["outcome"] in svg
    assert f"{erlab.name}: failover of hq and hub, session_reset: ce1 - msee1: outage under 1000 ms" in svg
