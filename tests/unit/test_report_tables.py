"""Tables as text and as JSON: what is empty, what has no name, and what a program reads."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address

import pytest

from contoso import HUB6, SAMPLE, at_session
from lab.expectations import Table
from lab.report import as_text, tables_json


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("routes", "lonely has no routes"),
        ("rib-in", "lonely has received no routes"),
        ("rib-out", "lonely sends no routes"),
        ("fib", "lonely has no routes in its FIB"),
        ("sessions", "lonely has no sessions"),
    ],
)
def test_an_empty_table_says_so(what: str, words: str) -> None:
    """A table without rows is a sentence, not a header alone."""
    lonely = replace(SAMPLE.tables.of("ce1"), router="lonely", sessions=(), loc_rib=(), fib=())
    node = replace(SAMPLE.plan.node("hq"), name="lonely")

    assert as_text.table(replace(SAMPLE.plan, nodes=(node,)), lonely, what) == words


def test_an_empty_table_names_the_sessions_that_are_down() -> None:
    """Where nothing was received because sessions are down, the table says that too."""
    tables = SAMPLE.tables
    for session in ("msee1/ipv4", "msee1/ipv6", "ce2/ipv4", "ce2/ipv6"):
        tables = at_session(
            tables, "ce1", session, lambda s: replace(s, established=False, why_down="refused", adj_rib_in=())
        )

    assert as_text.table(SAMPLE.plan, tables.of("ce1"), "rib-in").splitlines()[:2] == [
        "ce1 has received no routes",
        "session msee1/ipv4 is down: refused",
    ]


def test_an_address_that_nobody_owns_is_shown_alone() -> None:
    """A next hop outside the lab has no name."""
    router = SAMPLE.tables.of("ce1")
    far = replace(router, fib=(replace(router.fib[0], next_hops=(ip_address("192.0.2.1"),)),))

    assert as_text.table(SAMPLE.plan, far, "fib").splitlines()[1] == "10.100.0.0/16  192.0.2.1"


def test_a_route_in_json_has_typed_values() -> None:
    """Numbers are numbers, lists are lists and what is absent is null."""
    document = json.loads(tables_json.table(SAMPLE.plan, SAMPLE.tables.of("ce1"), "routes"))

    assert document["routes"][-1] == {
        "prefix": str(HUB6),
        "next_hop": {"address": "2001:db8:ffff::2", "owner": "msee1"},
        "origin": "igp",
        "as_path": "12076",
        "local_pref": 200,
        "multi_exit_disc": None,
        "communities": [],
        "large_communities": [],
        "extended_communities": [],
        "atomic_aggregate": False,
        "aggregator": None,
        "originator_id": None,
        "cluster_list": [],
        "unknown": [],
        "rd": None,
        "label": None,
        "weight": 0,
        "source": "bgp",
        "vrf": None,
    }


def test_a_table_that_is_none_is_refused() -> None:
    """Only the five tables can be shown."""
    for table in (as_text.table, tables_json.table):
        with pytest.raises(KeyError):
            table(SAMPLE.plan, SAMPLE.tables.of("ce1"), Table.LOC_RIB.value)
