"""A LAN that goes and comes back: the kernel's own routes are there again, and BGP's do not stand in their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from erlab_command import Erlab
from lab_processes import await_
from topology_text import TopologyText

TWO_LANS = TopologyText(
    networks='{hq: [10.10.0.0/16, "2001:db8:10::/48"], lab: [10.20.0.0/16, "2001:db8:20::/48"]}',
    policies_of="{ce1: {import: everything, export: everything}, ce2: {import: everything, export: everything}}",
)
"""The edges speak iBGP over the LAN hq, so what one of them loses of the LAN lab it learns from the other."""
PREFIX = {"ipv4": "10.20.0.0/16", "ipv6": "2001:db8:20::/48"}


@pytest.mark.parametrize("family", PREFIX)
def test_a_lan_that_flaps(erlab: Erlab, tmp_path: Path, family: str) -> None:
    """While a port of the LAN is down BGP leads to it by the other edge; when it is up again the kernel does."""
    file = TWO_LANS.write(tmp_path, erlab.name)
    erlab.does("up", file, "--timeout", "30")

    def protocols() -> list[str]:
        """Who installed the usable routes of `ce1` to the LAN, the one that is used first."""
        listed = erlab.shell("ce1", "ip", "--json", f"-{family[-1]}", "route", "show", PREFIX[family])
        usable = [one for one in json.loads(listed) if "linkdown" not in one.get("flags", [])]
        return [one["protocol"] for one in sorted(usable, key=lambda one: one.get("metric", 0))]

    assert protocols() == ["kernel"]
    erlab.shell("lan-lab", "ip", "link", "set", "to-ce1", "down")
    await_(lambda: protocols() == ["bgp"], "the way over ce2")
    erlab.shell("lan-lab", "ip", "link", "set", "to-ce1", "up")
    await_(lambda: protocols() == ["kernel"], "the kernel's route")
    await_(lambda: erlab.run("status").code == 0, "the lab's settling")
    assert protocols() == ["kernel"]
    (probe,) = erlab.does("probe", "lab", "hub", "--family", family, "--format", "json").document["probes"]
    assert probe["answered"]
    assert erlab.does("test", file, "--lab", erlab.name, "--format", "json").document["model"]["differences"] == []
