"""Source filters in the running lab: who enters Microsoft's network, as predicted, and what shows a missing filter."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from erlab_command import USERS, Erlab
from filtering import LISTED, NETWORKS, POOL, filtered, flow
from lab.bgp import parse_prefix
from networks import live

ROOT = Path(__file__).parents[2]
EXPECTED = """
  - unreachable: {from: hq, to: weu-storage, family: ipv4}
  - reachable: {from: dmz, to: weu-storage}
"""


def test_only_listed_sources_enter() -> None:
    """Of both families listed sources are answered; unlisted ones end at the edge that they entered, silently."""
    asked = [flow("hq", "svc"), flow("ula", "svc6"), flow("dmz", "svc"), flow("web", "svc6")]
    (seen,) = live(filtered(*LISTED), flows=asked)
    private, local, public, public6 = seen.flows
    for unlisted in (private, local):
        assert (unlisted.sent, unlisted.arrived) == (True, False)
        assert unlisted.stopped == "entered msee1 by to-ce1 and did not leave it"
    assert (public.answered, public6.answered) == (True, True)


def test_without_the_filter_every_source_enters() -> None:
    """The negative control: where the edge admits them, the same packets arrive and are answered."""
    (seen,) = live(filtered(*NETWORKS.values()), flows=[flow("hq", "svc"), flow("ula", "svc6")])
    assert [one.answered for one in seen.flows] == [True, True]


def test_a_translated_source_is_what_counts() -> None:
    """A private source enters with an address of a listed pool."""
    (seen,) = live(filtered(*LISTED, pool=POOL), flows=[flow("hq", "svc")])
    (result,) = seen.flows
    assert result.answered
    assert ip_address(str(result.source_seen)) in parse_prefix(POOL)


def test_answers_are_filtered_as_requests_are() -> None:
    """What comes from Microsoft leaves, and only the answer of a listed network comes back in."""
    (seen,) = live(filtered(*LISTED), flows=[flow("svc", "dmz"), flow("svc", "hq")])
    listed, unlisted = seen.flows
    assert listed.answered
    assert (unlisted.arrived, unlisted.answered) == (True, False)
    assert unlisted.stopped == "the answer: entered msee1 by to-ce1 and did not leave it"


@pytest.mark.parametrize("prefix", USERS)
def test_a_filter_that_is_gone_is_noticed(erlab: Erlab, tmp_path: Path, prefix: tuple[str, ...]) -> None:
    """Without translation a private source is unreachable; taken away behind the lab's back, the check fails."""
    text = (ROOT / "topologies" / "microsoft_peering.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.partition("expect:")[0].splitlines() if not line.strip().startswith("nat:")]
    file = tmp_path / "untranslated.yaml"
    file.write_text("\n".join([*kept, f"expect:{EXPECTED}"]).replace("../policies", str(ROOT / "policies")))
    name = text.partition("name: ")[2].split()[0]
    replace(erlab, prefix=prefix).does("up", file)
    before = erlab.does("test", "--lab", name, "--format", "json", file).document
    says = [one["observed"]["text"] for one in before["verdicts"]]
    assert says[0] == "ipv4: entered msee1-ms by to-ce1 and did not leave it"
    erlab.shell("msee1-ms", "ip", "rule", "del", "pref", "200")
    after = erlab.run("test", "--lab", name, file)
    assert after.code == 1
    assert "cause: packet: ipv4: arrived by hq ce1 msee1-ms ms-core weu-storage, though by the FIBs msee1-ms" in (
        " ".join(after.out.split())
    )
