"""GoBGP's configuration and what it prints, as far as no gobgpd has to judge them (`oracles/test_gobgp_oracle`)."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from builders import A6, P1, A, B, I, with_rules
from lab.bgp import (
    Aggregate,
    Aggregator,
    Asn,
    AsPath,
    BestPathRules,
    Counted,
    ExtendedCommunity,
    LargeCommunity,
    LeakedNetwork,
    MaxPrefix,
    Origin,
    RemovePrivate,
    Route,
    RouteSource,
    UnknownAttribute,
    parse_community,
    parse_prefix,
)
from lab.plan import BfdPlan, BgpPlan, NodePlan, Role, SessionPlan
from lab.policy import Policy
from lab.secret import Secret
from lab.speakers import ForeignSpeaker, OwnConfig, SpeakerKind
from lab.vendors import VendorError
from lab.vendors.gobgp import GOBGP, GobgpRouter
from lab.vendors.gobgp.answers import route_of, tables
from lab.vendors.gobgp.configuration import configuration
from networks import policies


def bgp_of(*sessions: SessionPlan, **changes: object) -> BgpPlan:
    """A router's BGP with these sessions."""
    made = BgpPlan(asn=Asn(65010), router_id=IPv4Address("10.255.0.1"), networks=(P1,), sessions=sessions)
    return replace(made, **changes)  # type: ignore[arg-type]  # names of BgpPlan


def node_of(*sessions: SessionPlan, config: str = "", **changes: object) -> NodePlan:
    """A router that is GoBGP, with a configuration of its own where one is given."""
    own = OwnConfig(file="ce1.toml", text=Secret(config)) if config else None
    speaker = ForeignSpeaker(kind=SpeakerKind.GOBGP, config=own)
    bgp = bgp_of(*sessions, **changes)
    return NodePlan(name="ce1", role=Role.CUSTOMER_EDGE, interfaces=(), bgp=bgp, speaker=speaker)


def written(*sessions: SessionPlan) -> dict[str, Any]:
    """What gobgpd reads."""
    return tomllib.loads(configuration(bgp_of(*sessions)))


def policy(*terms: str) -> Policy:
    """A policy of these terms."""
    lines = "".join(f"  - {term}\n" for term in terms)
    return policies(f"policies:\n  called: [{{then: accept}}]\n  asked:\n{lines}")["asked"]


def importing(*terms: str, session: SessionPlan = A) -> SessionPlan:
    """A session with an import policy."""
    return with_rules(session, import_policies=(policy(*terms),))


def exporting(*terms: str) -> SessionPlan:
    """A session to another AS with an export policy."""
    return with_rules(A, export_policies=(policy(*terms),))


def test_a_session_has_its_parameters() -> None:
    """Its ends, its key, its timers, its rules and its limit are in the neighbour's block."""
    limit = MaxPrefix(limit=100, warning_percent=80, restart_s=None)
    rules = {"allowas_in": 2, "as_override": True, "max_prefix": limit, "shutdown": "by night"}
    session = with_rules(replace(A, md5=Secret('a"key'), passive=True), **rules)
    assert written(session)["neighbors"] == [
        {
            "config": {
                "neighbor-address": "198.51.100.2",
                "peer-as": 65001,
                "local-as": 65010,
                "description": "a/ipv4",
                "auth-password": 'a"key',
                "admin-down": True,
            },
            "timers": {"config": {"hold-time": 180, "keepalive-interval": 60, "connect-retry": 5}},
            "transport": {"config": {"local-address": "198.51.100.1", "passive-mode": True}},
            "as-path-options": {"config": {"allow-own-as": 2, "replace-peer-as": True}},
            "afi-safis": [
                {
                    "config": {"afi-safi-name": "ipv4-unicast"},
                    "prefix-limit": {"config": {"max-prefixes": 100, "shutdown-threshold-pct": 80}},
                }
            ],
        }
    ]


def test_each_family_has_its_session_and_its_prefixes() -> None:
    """One policy for both families becomes two, each with the prefixes of its own."""
    both = "{match: {prefix_list: [10.0.0.0/8 le 24, '2001:db8::/32 le 64']}, then: accept}"
    found = written(importing(both), importing(both, session=A6))
    families = [one["afi-safis"][0]["config"]["afi-safi-name"] for one in found["neighbors"]]
    prefixes = [[one["ip-prefix"] for one in each["prefix-list"]] for each in found["defined-sets"]["prefix-sets"]]
    assert (families, prefixes) == (["ipv4-unicast", "ipv6-unicast"], [["10.0.0.0/8"], ["2001:db8::/32"]])


def test_what_a_session_settles_is_not_asked() -> None:
    """A term for another neighbour or another family is left out, and one for this one asks nothing."""
    terms = ("{match: {neighbor: b}, then: reject}", "{match: {family: ipv6}, then: reject}")
    found = written(importing(*terms, "{match: {neighbor: 198.51.100.2, family: ipv4}, then: accept}"))
    (only,) = next(one["statements"] for one in found["policy-definitions"] if one["name"] == "a/ipv4-import")
    assert only["conditions"] == {"match-neighbor-set": {"neighbor-set": "a/ipv4"}}
    assert only["actions"] == {"route-disposition": "accept-route"}


def test_without_a_policy_nothing_passes_between_ases() -> None:
    """RFC 8212 holds, and inside of the AS everything passes; what is to stay in the AS stays (RFC 1997)."""
    bare = {"import_policies": (), "export_policies": ()}
    found = written(with_rules(A, **bare), with_rules(I, **bare))
    fates = {
        one["name"]: [each["actions"].get("route-disposition", "") for each in one["statements"]]
        for one in found["policy-definitions"]
    }
    assert fates == {
        "a/ipv4-import": ["reject-route"],
        "i/ipv4-import": ["accept-route"],
        "a/ipv4-export": ["reject-route", "reject-route"],
        "i/ipv4-export": ["reject-route", "accept-route"],
    }


REFUSED_TERMS = {
    "{match: {med: 5}, then: accept}": "match: med",
    "{match: {local_pref: 200}, then: accept}": "match: local_pref",
    "{match: {origin: egp}, then: accept}": "match: origin",
    "{match: {extended_community: '/^target:65/'}, then: accept}": "an extended community",
    "{match: {as_path: '^1+?$'}, then: accept}": "lazy",
    "{set: {weight: 10}, then: accept}": "set: weight",
    "{set: {origin: igp}, then: accept}": "set: origin",
    "{set: {local_pref: '+10'}, then: accept}": "set: local_pref +10",
    "{set: {local_pref: 0}, then: accept}": "set: local_pref 0",
    "{set: {med: none}, then: accept}": "set: med none",
    "{set: {as_path: '1 2'}, then: accept}": "set: as_path",
    "{set: {replace_asns: {1: 2}}, then: accept}": "set: replace_asns",
    "{set: {remove_private_asns: all}, then: accept}": "set: remove_private_asns",
    "{set: {remove_extended_communities: 'target:1:*'}, then: accept}": "none added",
    "{match: {large_community: '*:*:*'}, call: called, then: accept}": "AS 4294967295",
}


@pytest.mark.parametrize("term", REFUSED_TERMS)
def test_what_gobgp_has_no_words_for_is_refused(term: str) -> None:
    """It is told with the policy, the term, and the place of the policy."""
    (found,) = GOBGP.cannot(node_of(importing("{match: {neighbor: b}, then: reject}", term)))
    assert REFUSED_TERMS[term] in found.what
    assert found.what.startswith("policy 'asked': term 2: GoBGP has no words for ")
    assert found.where.endswith(".yaml:3")
    assert found.meant


REFUSED_EXPORTS = {
    "{match: {as_path: '1|^2'}, then: accept}": "match: as_path",
    "{match: {next_hop: 192.0.2.1}, then: accept}": "match: next_hop",
    "{match: {source: static}, then: accept}": "match: source",
    "{match: {weight: 0}, then: accept}": "match: weight",
    "{set: {prepend: 65001}, then: accept}": "set: prepend",
    "{set: {prepend: {last_asn: 2}}, then: accept}": "set: prepend last_asn",
    "{set: {next_hop: unchanged}, then: accept}": "set: next_hop unchanged",
}


@pytest.mark.parametrize("term", REFUSED_EXPORTS)
def test_an_export_comes_after_what_gobgp_does_first(term: str) -> None:
    """It puts the own AS and the own next hop into routes before its export policy, which cannot be undone there."""
    (found,) = GOBGP.cannot(node_of(exporting(term)))
    assert REFUSED_EXPORTS[term] in found.what


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (node_of(A, leaked_networks=(LeakedNetwork(prefix=P1, vrf="x"),)), "leaked_networks"),
        (node_of(A, aggregates=(Aggregate(prefix=P1),)), "aggregates"),
        (node_of(A, best_path=BestPathRules(missing_med_as_worst=True)), "missing_med_as_worst"),
        (node_of(replace(A, bfd=BfdPlan())), "session with a: bfd"),
        (node_of(with_rules(A, default_originate=True)), "default_originate"),
        (node_of(with_rules(A, accept_blackhole=True)), "accept_blackhole"),
        (node_of(with_rules(A, remove_private_asns=RemovePrivate.LEADING)), "remove_private_asns leading"),
        (node_of(with_rules(A, max_prefix=MaxPrefix(limit=1))), "with a restart"),
        (node_of(with_rules(A, max_prefix=MaxPrefix(limit=1, warning_only=True))), "warning_only"),
        (node_of(with_rules(A, max_prefix=MaxPrefix(limit=1, counted=Counted.ACCEPTED, restart_s=None))), "accepted"),
        (node_of(with_rules(exporting("{set: {prepend: 65010}, then: accept}"), as_override=True)), "as_override"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_gobgp_does_not_do_is_refused(node: NodePlan, said: str) -> None:
    """It is told in the words of the file."""
    (found,) = GOBGP.cannot(node)
    assert said in found.what


def test_a_configuration_of_the_users_own_is_used_as_it_is() -> None:
    """Its text stays, and nothing of the plan is refused for it; networks come from the plan all the same."""
    node = node_of(replace(A, bfd=BfdPlan()), config="[global.config]\nas = 65010\n")
    router = GobgpRouter(node, "/private")
    (file,) = router.prepare().files
    assert (file.text, file.origin, list(GOBGP.cannot(node))) == ("[global.config]\nas = 65010\n", "ce1.toml", [])
    step = router.configure(None)
    assert step is not None
    assert "10.1.0.0/16" in step.checks[-1].command
    assert "0" in step.checks[0].command, "a neighbour that the file leaves out is waited for"


def test_no_command_holds_a_key() -> None:
    """What every process of the machine can see has no keys in it, and the API is no port."""
    router = GobgpRouter(node_of(replace(A, md5=Secret("Contoso123"))), "/private")
    begun = router.configure(None)
    assert begun is not None
    daemons = [one.command for one in router.daemons()]
    commands = [*daemons, *router.questions(), *(one.command for one in (*router.prepare().checks, *begun.checks))]
    assert not [one for one in commands if "Contoso123" in " ".join(one)]
    assert all("unix:///private/api" in one for one in daemons)
    assert "Contoso123" not in repr(router.prepare())


PATH: dict[str, Any] = {
    "nlri": {"prefix": "10.100.0.0/16"},
    "best": True,
    "attrs": [
        {"type": 1, "value": 2},
        {"type": 2, "as_paths": [{"segment_type": 2, "num": 1, "asns": [65001]}, {"segment_type": 1, "asns": [7, 8]}]},
        {"type": 3, "nexthop": "198.51.100.2"},
        {"type": 4, "metric": 5},
        {"type": 5, "value": 200},
        {"type": 6},
        {"type": 7, "as": 65001, "address": "10.0.0.1"},
        {"type": 8, "communities": [4294967041, 4294967041]},
        {"type": 9, "value": "10.0.0.9"},
        {"type": 10, "value": ["10.0.0.8"]},
        {
            "type": 16,
            "value": [
                {"type": 0, "subtype": 2, "value": "65010:1"},
                {"type": 1, "subtype": 3, "value": "192.0.2.1:5"},
                {"type": 2, "subtype": 2, "value": "64086.59904:1"},
                {"type": 3, "subtype": 0, "value": "AAAAAAAAAQ=="},
                {"type": 3, "subtype": 12, "tunnel_type": 8},
                {"type": 64, "subtype": 4, "asn": 65001, "bandwidth": 125000},
                {"type": 128, "subtype": 6, "as": 0, "rate": 1.5},
            ],
        },
        {"type": 32, "value": [{"ASN": 65010, "LocalData1": 1, "LocalData2": 2}]},
        {"flags": 192, "type": 99, "value": "AQL/"},
    ],
    "source-id": "10.0.0.2",
    "neighbor-ip": "198.51.100.2",
}


def test_every_attribute_is_read() -> None:
    """Also those that GoBGP 3.10 tells of in words: their octets are put together again."""
    assert route_of(parse_prefix("10.100.0.0/16"), PATH["attrs"]) == Route(
        prefix=parse_prefix("10.100.0.0/16"),
        next_hop=IPv4Address("198.51.100.2"),
        origin=Origin.INCOMPLETE,
        as_path=AsPath.parse("65001 {7,8}"),
        multi_exit_disc=5,
        local_pref=200,
        atomic_aggregate=True,
        aggregator=Aggregator(Asn(65001), IPv4Address("10.0.0.1")),
        communities=(parse_community("no-export"),),
        originator_id=IPv4Address("10.0.0.9"),
        cluster_list=(IPv4Address("10.0.0.8"),),
        extended_communities=tuple(
            map(
                ExtendedCommunity,
                (
                    "target:65010:1",
                    "origin:192.0.2.1:5",
                    "target:4200000000:1",
                    "0300000000000001",
                    "030c000000000008",
                    "4004fde947f42400",
                    "800600003fc00000",
                ),
            )
        ),
        large_communities=(LargeCommunity("65010:1:2"),),
        unknown=(UnknownAttribute(99, "0102ff"),),
    )


def neighbor(address: str, state: int, received: int = 0) -> dict[str, Any]:
    """What GoBGP prints of a neighbour."""
    told = {"state": {"received": received}} if received else {"state": {}}
    return {"state": {"neighbor_address": address, "session_state": state}, "afi_safis": [told]}


def test_tables_have_sessions_and_paths() -> None:
    """A session is up or not, and a path is a session's or the router's own."""
    own = {"nlri": {}, "best": True, "attrs": [{"type": 1, "value": 0}, {"type": 3, "nexthop": "0.0.0.0"}]}  # noqa: S104
    rib = json.dumps({"10.100.0.0/16": [PATH], "10.1.0.0/16": [own]})
    told = json.dumps([neighbor("198.51.100.2", 6, received=1), neighbor("198.51.100.6", 3)])
    found = tables(node_of(A, B), told, (rib, "{}"))
    assert [(one.session, one.established, one.received_count, one.why_down) for one in found.sessions] == [
        ("a/ipv4", True, 1, ""),
        ("b/ipv4", False, 0, "gobgpd is in the state Active (RFC 4271 §8.2.2)"),
    ]
    assert [(one.session, one.best, one.forwarding) for one in found.paths] == [
        ("a/ipv4", True, True),
        ("", True, True),
    ]
    assert (found.paths[1].route.source, found.paths[1].route.weight) == (RouteSource.STATIC, 32768)


def test_equal_paths_share_the_load() -> None:
    """GoBGP forwards nothing itself: beside its best path those are used that our rule has for equal."""
    other = {**PATH, "best": False, "neighbor-ip": "198.51.100.6", "source-id": "10.0.0.3"}
    other["attrs"] = [one if one["type"] != 3 else {"type": 3, "nexthop": "198.51.100.6"} for one in PATH["attrs"]]
    for paths, used in ((1, [True, False]), (2, [True, True])):
        node = node_of(A, B, best_path=BestPathRules(maximum_paths=paths))
        found = tables(node, "[]", (json.dumps({"10.100.0.0/16": [PATH, other]}),))
        assert [one.forwarding for one in found.paths] == used


@pytest.mark.parametrize(
    "rib",
    [
        "no JSON",
        "[]",
        json.dumps({"10.0.0.0/8": [{**PATH, "neighbor-ip": "192.0.2.99"}]}),
        json.dumps({"10.0.0.0/8": [{**PATH, "attrs": [{"type": 1, "value": 0}]}]}),
        json.dumps(
            {
                "10.0.0.0/8": [
                    {**PATH, "attrs": [*PATH["attrs"][:3], {"type": 16, "value": [{"type": 6, "subtype": 1}]}]}
                ]
            }
        ),
    ],
)
def test_what_cannot_be_its_tables_is_an_error(rib: str) -> None:
    """Nothing is guessed of what gobgp prints."""
    with pytest.raises(VendorError, match="gobgp"):
        tables(node_of(A), "[]", (rib,))
