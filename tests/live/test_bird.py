"""Customer edges that are BIRD, live. The shipped topology with two of them is in `test_topologies`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from erlab_command import Erlab
from lab.load import load_topology
from lab.plan.of_topology import plan
from lab.vendors.bird.configuration import Configuration
from lab_processes import await_
from topology_text import IPV4_ONLY, TopologyText

BOTH = TopologyText(
    edges="speakers: {ce1: bird, ce2: bird}",
    keys="md5: Contoso123\n    bfd: true",
    policies_of="{ce1: {import: nothing, export: own}, ce2: {import: accept-azure, export: own-prepended}}",
    expect=(
        "route: {at: ce1, prefix: 10.100.0.0/16, next_hop: msee1, local_pref: 200}",  # what its import policy drops
        "session: ce1 - msee1",
        "session: ce1 - ce2",
        "route: {at: ce1, prefix: 10.100.0.0/16, table: adj_rib_in, neighbor: msee1}",
        'route: {at: msee2, prefix: "2001:db8:10::/48", as_path: "65010 65010 65010 65010"}',
        "reachable: {from: hq, to: hub}",
    ),
)
ONE = replace(IPV4_ONLY, edges="speakers: {ce1: {kind: bird, config: ce1.conf}}")
"""One edge with a configuration of the user's own."""
OF_THE_OTHER = "{ce2: {import: accept-azure, export: own-prepended}}"


def outcomes(erlab: Erlab, file: Path) -> list[str]:
    """How the expectations of a running lab come out, which is what the model predicts."""
    report = erlab.run("test", file, "--lab", erlab.name, "--format", "json").document
    assert report["model"]["differences"] == []
    return [one["outcome"] for one in report["verdicts"]]


def connections(erlab: Erlab) -> str:
    """The established TCP connections of ce1, by their ends."""
    lines = erlab.shell("ce1", "ss", "--no-header", "--tcp", "--numeric", "state", "established").splitlines()
    return "\n".join(sorted(" ".join(line.split()[2:]) for line in lines))


def test_two_edges_take_a_change_and_a_failure(erlab: Erlab, tmp_path: Path) -> None:
    """Only what a policy is against fails, and holds once another is applied, over the same connections.

    When the primary link fails the kernel's routes of both edges change; when it is back, all is as before. A reset
    ends a connection.
    """
    file = BOTH.write(tmp_path, erlab.name)
    erlab.does("up", file, "--timeout", "30")
    others = ["passed"] * (len(BOTH.expect) - 1)
    assert outcomes(erlab, file) == ["failed", *others]
    before = connections(erlab)
    assert len(before.splitlines()) == 4

    replace(BOTH, policies_of=TopologyText().policies_of).write(tmp_path, erlab.name)
    erlab.does("apply", file, "--timeout", "30")
    assert connections(erlab) == before

    refused = erlab.run("refresh", "ce1", "msee1")
    assert (refused.code, "BIRD keeps the routes that it receives, by `import table on`" in refused.err) == (3, True)

    erlab.does("fail", "link_down", "primary", "--timeout", "30")
    assert "10.10.0.2 (ce2)" in erlab.does("show", "fib", "ce1").out
    erlab.does("heal", "--timeout", "30")
    assert outcomes(erlab, file) == ["passed", *others]

    before = connections(erlab)
    erlab.does("fail", "session_reset", "ce1 - msee1")
    await_(lambda: connections(erlab) != before, "the end of a connection")


def own_config(directory: Path, *changes: tuple[str, str]) -> None:
    """A configuration for ce1: that of the plan, with changes."""
    rendered = replace(ONE, edges="speakers: {ce1: bird}").write(directory, "rendered", "rendered")
    node = plan(load_topology(rendered)).node("ce1")
    assert node.bgp is not None
    text = Configuration(node, node.bgp).text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (directory / "ce1.conf").write_text(text, encoding="utf-8")


def test_a_configuration_of_its_own_is_used_as_it_is(erlab: Erlab, tmp_path: Path) -> None:
    """What it sets is seen in the lab, of which the model says nothing; what it drops is missed.

    Without an import table it asks its neighbours for their routes again.
    """
    own_config(
        tmp_path,
        ("bgp_local_pref = 200", "bgp_local_pref = 250"),
        ("'msee1-ipv4'", "'to_azure'"),
        ("import table on; ", ""),
    )
    file = replace(
        ONE,
        policies_of=OF_THE_OTHER,
        expect=(
            "route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 200}",  # the control
            "route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 250}",
            "route: {at: ce1, prefix: 10.100.0.0/16, table: adj_rib_in, neighbor: msee1}",
            "reachable: {from: hq, to: hub, via: [ce1, msee1]}",
        ),
    ).write(tmp_path, erlab.name)
    erlab.does("up", file, "--timeout", "30")
    ended = erlab.run("test", file, "--lab", erlab.name, "--format", "json")
    report = ended.document
    assert [one["outcome"] for one in report["verdicts"]] == ["failed", "passed", "passed", "passed"]
    assert (ended.code, "ce1.conf" in report["model"]["not_compared"]) == (1, True)

    assert refreshes_of_ce1(erlab) == 0
    assert "ce1 asked for all routes on msee1/ipv4" in erlab.does("refresh", "ce1", "msee1").err
    await_(lambda: refreshes_of_ce1(erlab) == 1, "the ROUTE-REFRESH at msee1")


def refreshes_of_ce1(erlab: Erlab) -> int:
    """How often msee1 was asked by ce1 for its routes again."""
    sessions = erlab.does("show", "sessions", "msee1", "--format", "json").document["sessions"]
    return next(int(one["refreshes"]) for one in sessions if one["neighbor"] == "ce1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("router id 10.10.0.1;", "router id is 10.10.0.1;"), "ce1.conf:3: syntax error"),
        (("export filter 'msee1-ipv4.export'", "export filter 'nowhere'"), "syntax error, unexpected CF_SYM_UNDEFINED"),
    ],
    ids=["word", "name"],
)
def test_what_bird_refuses_is_an_error(erlab: Erlab, tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """The lab ends with the place of the line and BIRD's words, and shows no key."""
    own_config(tmp_path, change)
    ended = erlab.run("up", replace(ONE, policies_of=OF_THE_OTHER).write(tmp_path, erlab.name))
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert "Contoso123" not in ended.err
