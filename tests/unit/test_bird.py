"""BIRD's configuration and what it prints, as far as no BIRD has to judge them (`oracles/test_bird_oracle`)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from builders import A6, P1, A, B, I, node, with_rules
from lab.bfd import BfdStatus, State
from lab.bgp import (
    Aggregate,
    Aggregator,
    Asn,
    AsPath,
    BestPathRules,
    Community,
    Counted,
    ExtendedCommunity,
    LargeCommunity,
    MaxPrefix,
    Origin,
    RemovePrivate,
    Route,
    RouteSource,
    UnknownAttribute,
    parse_prefix,
)
from lab.plan import BfdPlan, NodePlan, SessionPlan
from lab.policy import CommunityPattern, CommunitySet, PatternKind
from lab.secret import Secret
from lab.speakers import ForeignSpeaker, OwnConfig, SpeakerKind
from lab.vendors import AskAgain, Reset, VendorError
from lab.vendors.bird import BirdRouter, cannot
from lab.vendors.bird.as_paths import NoMaskError, masks
from lab.vendors.bird.communities import NoSetError, standard_set
from networks import policies


def text_of(plan: NodePlan) -> str:
    """The bird.conf of a node."""
    (file,) = BirdRouter(plan, "/private").prepare().files
    return file.text


def importing(*terms: str, session: SessionPlan = A) -> SessionPlan:
    """A session with an import policy of these terms."""
    lines = "".join(f"  - {term}\n" for term in terms)
    return with_rules(session, import_policies=(policies(f"policies:\n  asked:\n{lines}")["asked"],))


# patterns


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("^$", ["[= =]"]),
        (".*", None),
        ("_65002_", ["[= * 65002 * =]"]),
        ("^65001$", ["[= 65001 =]"]),
        ("^6500[1-3]_", ["[= [65001..65003] * =]"]),
        ("_(65001|65002)$", ["[= * 65001 =]", "[= * 65002 =]"]),
        ("^65001(_65010)?$", ["[= 65001 65010 =]", "[= 65001 =]"]),
        ("^65001_.*_65002$", ["[= 65001 + 65002 =]"]),
        (r"^12076_\d+$", ["[= 12076 ? =]"]),
        ("[0-9]+_65001 65002", None),
    ],
)
def test_an_expression_of_whole_numbers_is_a_mask(pattern: str, said: list[str] | None) -> None:
    """What an expression says of whole AS numbers a mask says, too; without a word of where one ends there is none."""
    if pattern.endswith("65002") and "^" not in pattern:
        with pytest.raises(NoMaskError, match="where its last number ends"):
            masks(pattern)
        return
    assert masks(pattern) == said


@pytest.mark.parametrize("pattern", ["65001$", "[{]", "^65001", "_65[0-9]+_", "(_65001)*", "_0+_", "^(65001", "."])
def test_what_asks_for_characters_has_no_mask(pattern: str) -> None:
    """Where numbers end in the middle, or are repeated as a group, there is none."""
    with pytest.raises(NoMaskError):
        masks(pattern)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (PatternKind.EXACT, "65010:1", "[(65010, 1)]"),
        (PatternKind.WILDCARD, "65010:*", "[(65010, *)]"),
        (PatternKind.WILDCARD, "*:100", "[(0..65535, 100)]"),
        (PatternKind.REGULAR_EXPRESSION, "^65010:1[0-9]$", "[(65010, 10..19)]"),
        (PatternKind.REGULAR_EXPRESSION, "^6501[01]:.*", "[(65010..65011, 0..65535)]"),
    ],
)
def test_communities_are_sets_of_numbers(kind: PatternKind, text: str, said: str) -> None:
    """A wildcard and an expression on each of the two numbers are ranges."""
    assert standard_set(CommunitySet(name="x", patterns=(CommunityPattern(kind=kind, text=text),))) == said


@pytest.mark.parametrize("text", ["65010.1", "65010:1|65011:2", "(1:2)", "^6.*[13579]:.*[02468]$"])
def test_an_expression_across_the_colon_is_no_set(text: str) -> None:
    """What is not one expression for each number, or means too many of them, is refused."""
    pattern = CommunityPattern(kind=PatternKind.REGULAR_EXPRESSION, text=text)
    with pytest.raises(NoSetError):
        standard_set(CommunitySet(name="x", patterns=(pattern,)))


# configuration


def test_a_session_has_its_parameters() -> None:
    """Its ends, its key, its timers, its limit and its rules are lines of its protocol."""
    limit = MaxPrefix(limit=10, counted=Counted.ACCEPTED, restart_s=None)
    session = replace(A, md5=Secret("key"), bfd=BfdPlan(receive_interval_ms=400), hold_time_s=30, passive=True)
    internal = with_rules(I, next_hop_self=True, shutdown="maintenance", route_reflector_client=True)
    best = BestPathRules(always_compare_med=True, missing_med_as_worst=True, maximum_paths=4)
    text = text_of(node(with_rules(session, max_prefix=limit), internal, A6, best_path=best))
    for line in (
        "local 198.51.100.1 as 65010;",
        "neighbor 198.51.100.2 as 65001;",
        "direct; check link; passive on;",
        "hold time 30;",
        'password "key";',
        "bfd { min rx interval 400 ms; min tx interval 300 ms; multiplier 3; };",
        "med metric on; deterministic med on;",
        "default bgp_med 4294967295;",
        "import limit 10 action disable;",
        "disabled;",
        "rr client;",
        "next hop self ebgp;",
        "metric 2048; merge paths on limit 4;",
        "next hop prefer global;  # BIRD's neighbours may tell their link-local address, too",
    ):
        assert f"  {line}\n" in text


def test_own_networks_last_as_long_as_their_interfaces() -> None:
    """A connected network leads to its interfaces, any other nowhere; the kernel is given neither."""
    text = text_of(node(A, networks=(P1, parse_prefix("192.0.2.0/24"))))
    assert f"  route {P1} unreachable;\n" in text
    assert '  route 192.0.2.0/24 via "lan";\n' in text
    assert "if source = RTS_BGP && !(net ~ [192.0.2.0/24, 198.51.100.0/30, 198.51.100.4/30]) then accept;" in text


def test_without_policies_nothing_passes_outside() -> None:
    """RFC 8212: an eBGP session without policies takes and sends nothing, an iBGP session everything."""
    bare = {"import_policies": (), "export_policies": ()}
    text = text_of(node(with_rules(A, **bare), with_rules(I, **bare)))
    assert text.count("reject;  # no policy (RFC 8212)") == 2


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (importing("{match: {as_path: 65001$}, then: accept}"), "term 1 of asked: BIRD has no mask"),
        (importing("{match: {large_community: '*:1:2'}, then: accept}"), "wildcards at their end"),
        (importing("{set: {next_hop: 203.0.113.1}, then: accept}"), "next_hop 203.0.113.1 on import"),
        (importing("{set: {as_path: '65001 {1,2}'}, then: accept}"), "sequences only"),
        (importing("{set: {remove_private_asns: leading}, then: accept}"), "remove_private_asns leading"),
        (importing("{set: {replace_asns: {65001: 65002}}, then: accept}"), "replace_asns"),
        (with_rules(A, default_originate=True), "default_originate"),
        (with_rules(A, as_override=True), "as_override"),
        (with_rules(A, remove_private_asns=RemovePrivate.LEADING), "remove_private_asns"),
        (replace(A, md5=Secret('a "key"')), "md5"),
    ],
)
def test_what_bird_cannot_is_refused(session: SessionPlan, said: str) -> None:
    """What has no words in BIRD's language is named, and no key is."""
    refusals = [one for one in cannot(node(session)) if said in one.what]
    assert len(refusals) == 1
    assert "key" not in refusals[0].what
    assert refusals[0].meant


def test_aggregates_are_refused() -> None:
    """BIRD 2 makes none."""
    (one,) = cannot(node(A, aggregates=(Aggregate(prefix=P1),)))
    assert one.what == f"the aggregate {P1}: BIRD 2 makes none"


# what it prints

SESSIONS = """\
2002-Name       Proto      Table      State  Since         Info
1002-own4       Static     master4    up     2026-11-28 15:50:50  
1006-  Channel ipv4
         State:          UP
         Table:          master4
     
1002-a-ipv4     BGP        ---        up     2026-11-28 15:50:51  Established   
1006-  BGP state:          Established
         Neighbor address: 198.51.100.2%to-a
       Channel ipv4
         Table:          master4
     
1002-b-ipv4     BGP        ---        start  2026-11-28 15:56:22  Idle          Automatic shutdown: Route limit exceeded
1006-  BGP state:          Idle
         Neighbor address: 198.51.100.6%to-b
         Last error:       Automatic shutdown: Route limit exceeded
       Channel ipv4
         Table:          master4
"""  # noqa: W291, W293  # as BIRD prints it
BFD = """\
1020-bfd1:
     IP address                Interface  State      Since         Interval  Timeout
     198.51.100.2              to-a       Up         2026-11-28 15:56:16    0.500    1.500
"""
ROUTES = """\
1007-Table master4:
     10.1.0.0/16          unicast [a-ipv4 2026-11-28 15:51:01] * (7) [AS3i]
1008-\tvia 198.51.100.2 on to-a
     \tType: BGP univ
1012-\tBGP.origin: Incomplete
     \tBGP.as_path: 65001 {1 2} 3
     \tBGP.next_hop: 198.51.100.2
     \tBGP.med: 5
     \tBGP.local_pref: 200
     \tBGP.atomic_aggr: 
     \tBGP.aggregator: 10.9.9.9 AS65099
     \tBGP.community: (1,2) (65535,1)
     \tBGP.ext_community: (ro, 192.0.2.9, 1) (rt, 4200000000, 2) (generic, 0x43000000, 0x1) (rt, 1, 2)
     \tBGP.large_community: (1, 2, 3)
     \tBGP.63 [t]: 01 02
1007-                     unicast [b-ipv4 15:51:01.123 from 192.0.2.2] (0/-) [i]
1008-\tvia 198.51.100.2 on to-a
     \tType: BGP univ
1012-\tBGP.origin: IGP
     \tBGP.as_path: 
     \tBGP.next_hop: 198.51.100.2
     \tBGP.local_pref: 100
1007-10.2.0.0/16          unreachable [own4 2026-11-28 15:50:50] * (32768)
1008-\tType: static univ
1012-\tBGP.origin: IGP
1007-Table igp4:
     198.51.100.0/30      unicast [direct4 2026-11-28 15:50:50] * (240)
1008-\tdev to-a
     \tType: device univ
"""  # noqa: W291
LISTED = "1007-Table import:\n     10.1.0.0/16          unicast [a-ipv4 2026-11-28 15:51:01] * (0) [AS3i]\n"
UP = "1000-BIRD 2.0.12\n0013 Daemon is up and running\n"


def printed(routes: str = ROUTES, *, last: str = UP) -> str:
    """What birdcl prints where it is asked everything."""
    answers = {
        "show protocols all": SESSIONS,
        "show bfd sessions": BFD,
        "show route all table all": routes,
        "show route import table 'a-ipv4'.ipv4": LISTED,
        "show route export table 'a-ipv4'.ipv4": "9001 No export table in channel a-ipv4.ipv4\n",
        "show route all export kernel4": routes,
        "show status": last,
    }
    return "0001 BIRD 2.0.12 ready.\n" + "".join(f"bird> {asked}\n{text}" for asked, text in answers.items())


def router(own: str = "") -> BirdRouter:
    """A router with two neighbours outside and one inside, and a configuration of its own where one is given."""
    plan = node(replace(A, bfd=BfdPlan()), B, I)
    config = OwnConfig(file="own.conf", text=Secret(own)) if own else None
    return BirdRouter(replace(plan, speaker=ForeignSpeaker(kind=SpeakerKind.BIRD, config=config)), "/private")


def test_sessions_are_read() -> None:
    """Whether one is up, why it is not, what it lists, and BFD; one that BIRD does not know is down."""
    a, b, i = router().tables((printed(),)).sessions
    assert (a.established, a.why_down, a.received, a.advertised) == (True, "", frozenset({P1}), None)
    assert a.bfd == BfdStatus(state=State.UP, transmit_interval_ms=500, detection_time_ms=1500)
    assert (b.established, b.why_down) == (False, "Automatic shutdown: Route limit exceeded")
    assert (i.established, i.why_down) == (False, "BIRD has no protocol for the neighbour 192.0.2.2")


def test_routes_are_read_with_every_attribute() -> None:
    """Those of BGP's tables, learned and own; the preference is the weight."""
    learned, other, own = router().tables((printed(),)).paths
    assert learned.route == Route(
        prefix=P1,
        next_hop=A.peer_address,
        origin=Origin.INCOMPLETE,
        as_path=AsPath.parse("65001 {1,2} 3"),
        local_pref=200,
        multi_exit_disc=5,
        communities=(Community("1:2"), Community("65535:1")),
        large_communities=(LargeCommunity("1:2:3"),),
        extended_communities=tuple(
            map(
                ExtendedCommunity,
                ("target:1:2", "origin:192.0.2.9:1", "target:4200000000:2", "4300000000000001"),
            )
        ),
        atomic_aggregate=True,
        aggregator=Aggregator(Asn(65099), IPv4Address("10.9.9.9")),
        unknown=(UnknownAttribute(0x63, "0102"),),
        weight=7,
    )
    assert (learned.session, learned.best, learned.forwarding) == ("a/ipv4", True, True)
    assert (other.best, other.forwarding, other.route.prefix) == (False, True, P1)
    assert (own.session, own.route.source, own.route.weight) == ("", RouteSource.STATIC, 32768)


def test_what_is_not_an_answer_is_an_error() -> None:
    """Answers that are missing, and lines that are none of BIRD's."""
    for text in (printed(last=""), printed(ROUTES.replace("unicast", "somehow", 1)), "Segmentation fault\n"):
        with pytest.raises(VendorError):
            router().tables((text,))


def test_what_bird_has_not_told_keeps_the_lab_from_settling() -> None:
    """An attribute that it prints in part only, and a configuration that it is still taking."""
    cut = ROUTES.replace("(1,2) (65535,1)", "(1,2) (65535,1) ...")
    last = "0013 Daemon is up and running\n     Reconfiguration in progress\n"
    assert router().tables((printed(cut, last=last),)).pending == (
        "BIRD says: Reconfiguration in progress",
        "BIRD prints only the beginning of BGP.community of 10.1.0.0/16",
    )


def test_a_configuration_of_its_own_is_used_as_it_is() -> None:
    """Its protocols are asked and reset by the names that it has; its preferences are no weights."""
    own = "# protocol bgp none {}\nprotocol bgp first from t {\n}\n  protocol bgp 'a-ipv4' {\n}\n"
    made = router(own)
    (file,) = made.prepare().files
    assert (file.text, file.origin) == (own, "own.conf")
    (question,) = made.questions()
    assert "show route import table 'first'.ipv6" in question
    assert not any("none" in one for one in question)
    assert [one.route.weight for one in made.tables((printed(),)).paths] == [0, 0, 32768]
    assert made.configure(None) is None
    assert made.commands(Reset(session=B)) == (("birdcl", "-s", "/private/bird.ctl", "restart 'b-ipv4'"),)


def test_a_session_can_be_reset_and_nobody_is_asked_again() -> None:
    """BIRD restarts the protocol of a session; with what it keeps it does not ask for routes."""
    assert router().commands(Reset(session=A)) == (("birdcl", "-s", "/private/bird.ctl", "restart 'a-ipv4'"),)
    assert router().commands(AskAgain(session=A)) is None


def test_without_an_import_table_a_neighbour_is_asked_again() -> None:
    """BIRD says which channels have none; one whose import table it lists is not asked for."""
    made = router("protocol bgp 'a-ipv4' {\n}\nprotocol bgp 'b-ipv4' {\n}\n")
    none = "show route import table 'b-ipv4'.ipv4\n9001 No import table in channel b-ipv4.ipv4\n"
    made.tables((f"{printed().replace('bird> show status', f'bird> {none}bird> show status')}",))
    assert made.commands(AskAgain(session=A)) is None
    assert made.commands(AskAgain(session=B)) == (("birdcl", "-s", "/private/bird.ctl", "reload in 'b-ipv4'"),)
