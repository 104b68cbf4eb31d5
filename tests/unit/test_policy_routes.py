"""Routes from outside: each form of file is read to the same routes, and what is wrong in one has its place."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import pytest

from lab.bgp import Aggregator, Asn, AsPath, Origin, Route, RouteSource, parse_prefix
from lab.errors import InputError
from lab.load.routes import read_routes, route_of
from lab.report.json_parts import document, route_object
from lab.vendors.frr.routes import NO_COMMUNITIES
from mrt_octets import peer_index_table, table

SAMPLES = Path(__file__).parents[1] / "golden" / "routes"
"""What FRR 8.4.4 printed: a router of AS 65010 with a neighbour of AS 12076, and two in its own AS behind it."""
PLAIN = Route(prefix=parse_prefix("10.0.0.0/8"), next_hop=ip_address("192.0.2.1"), as_path=AsPath.of(12076))
ATTRIBUTES = bytes([0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0x2F, 0x2C, 0x40, 3, 4, 192, 0, 2, 1])
DUMP = peer_index_table(("192.0.2.1", 12076)) + table("10.0.0.0/8", (0, ATTRIBUTES))


def routes(path: Path) -> list[Route]:
    """The routes of a file."""
    return [one.route for one in read_routes(str(path)).routes]


def neighbors(path: Path) -> list[str]:
    """From whom the routes of a file are."""
    contexts = [one.context for one in read_routes(str(path)).routes]
    return [one.neighbor or str(one.peer_address or "") for one in contexts]


def by_prefix(name: str) -> dict[str, Route]:
    """The best routes that FRR showed, or the last ones of each prefix."""
    return {str(one.prefix): one for one in routes(SAMPLES / name)}


def wrong(path: Path) -> str:
    """What is said of a file that cannot be read, its name cut short."""
    with pytest.raises(InputError) as refusal:
        routes(path)
    return str(refusal.value).replace(str(path), path.name)


# FRR


def test_every_path_of_frr_is_a_route() -> None:
    """A prefix with two paths gives two routes, and what FRR says of a prefix itself gives none."""
    found = routes(SAMPLES / "frr_ipv4_detail.json")

    assert [str(one.next_hop) for one in found if str(one.prefix) == "10.10.0.0/16"] == [
        "10.0.0.3",
        str(IPv4Address(0)),
    ]
    assert len(found) == 11


def test_frr_in_detail_has_every_attribute() -> None:
    """Communities of the three kinds, sets of ASes, aggregators and clusters are read."""
    found = by_prefix("frr_ipv4_detail.json")

    assert found["10.100.0.0/16"] == Route(
        prefix=parse_prefix("10.100.0.0/16"),
        next_hop=ip_address("10.0.0.2"),
        as_path=AsPath.of(12076),
        multi_exit_disc=5,
        communities=found["10.100.0.0/16"].communities,
        large_communities=found["10.100.0.0/16"].large_communities,
        extended_communities=found["10.100.0.0/16"].extended_communities,
    )
    assert found["10.100.0.0/16"].communities == ("12076:50002", "65535:65281")
    assert found["10.100.0.0/16"].large_communities == ("65010:1:1", "65010:1:2")
    assert found["10.100.0.0/16"].extended_communities == ("target:65010:100", "origin:192.0.2.1:5")
    assert str(found["10.102.0.0/16"].as_path) == "12076 {65001,4200000001}"
    assert found["10.102.0.0/16"].aggregator == Aggregator(Asn(12076), IPv4Address("10.0.0.2"))
    assert found["10.96.0.0/11"].atomic_aggregate
    assert found["10.40.0.0/16"].originator_id == ip_address("10.0.0.4")
    assert found["10.40.0.0/16"].cluster_list == (ip_address("10.9.9.9"),)


def test_frr_names_of_communities_are_those_of_iana() -> None:
    """The route that was sent with every community that FRR has a name for comes back with their numbers."""
    numbers = ["0:0", *(f"65535:{number}" for number in (*range(10), 666, 65281, 65282, 65283, 65284))]

    assert list(by_prefix("frr_ipv4_detail.json")["10.103.0.0/16"].communities) == numbers


def test_own_routes_of_frr_are_static() -> None:
    """A route with an unspecified next hop is the router's own."""
    own = by_prefix("frr_ipv4_detail.json")["10.10.0.0/16"]

    assert (own.source, own.weight) == (RouteSource.STATIC, 32768)
    assert {one.source for one in routes(SAMPLES / "frr_ipv6_detail.json")} == {RouteSource.STATIC, RouteSource.BGP}


@pytest.mark.parametrize("name", ["frr_ipv4.json", "frr_received.json"])
def test_the_brief_forms_of_frr_agree_with_the_detailed_one_but_for_communities(name: str) -> None:
    """What the brief forms tell is the same, and a note says that they tell nothing of communities."""
    read = read_routes(str(SAMPLES / name))
    brief = {str(one.route.prefix): one.route for one in read.routes}
    detailed = by_prefix("frr_ipv4_detail.json")
    shared = ["10.96.0.0/11", "10.100.0.0/16", "10.101.0.0/16", "10.102.0.0/16"]

    for prefix in shared:
        for attribute in ("next_hop", "origin", "as_path", "multi_exit_disc"):
            assert getattr(brief[prefix], attribute) == getattr(detailed[prefix], attribute)
    assert read.notes == [f"{SAMPLES / name}: {NO_COMMUNITIES}"]
    assert read_routes(str(SAMPLES / "frr_ipv4_detail.json")).notes == []


def test_one_prefix_of_frr_is_read() -> None:
    """`show bgp ipv4 unicast 10.100.0.0/16 json` has one prefix with its paths."""
    assert routes(SAMPLES / "frr_one_prefix.json") == [by_prefix("frr_ipv4_detail.json")["10.100.0.0/16"]]


def test_frr_of_all_vrfs_and_of_later_versions_is_read(tmp_path: Path) -> None:
    """The tables of several VRFs, and prefixes whose paths stand under `paths`, give the same routes."""
    table = json.loads((SAMPLES / "frr_ipv4.json").read_text(encoding="utf-8"))
    several, later = tmp_path / "vrfs.json", tmp_path / "later.json"
    several.write_text(json.dumps({"default": table, "branch": {**table, "routes": {}}}), encoding="utf-8")
    listed = {prefix: {"prefix": prefix, "paths": paths} for prefix, paths in table["routes"].items()}
    later.write_text(json.dumps({**table, "routes": listed}), encoding="utf-8")

    assert routes(several) == routes(later) == routes(SAMPLES / "frr_ipv4.json")


def test_the_global_next_hop_is_taken_where_a_link_local_one_stands_beside_it(tmp_path: Path) -> None:
    """In IPv6 a route has the global next hop (RFC 2545 §3)."""
    hops = [{"ip": "fe80::1", "scope": "link-local", "used": True}, {"ip": "2001:db8::1", "scope": "global"}]
    path = {"path": "12076", "origin": "IGP", "nexthops": hops}
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"routes": {"2001:db8:1::/48": [path]}}), encoding="utf-8")

    assert [str(one.next_hop) for one in routes(file)] == ["2001:db8::1"]


def test_what_frr_tells_too_little_of_is_left_out_with_a_note(tmp_path: Path) -> None:
    """An extended community without its octets costs no table, and a path without next hop and AS path is counted."""
    path = {
        "path": "1",
        "nexthops": [{"ip": "10.0.0.1"}],
        "extendedCommunity": {"string": "RT:65010:1 LB:1:2 UNK:3, 0xC"},
    }
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"routes": {"10.0.0.0/8": [path, {"valid": True, "path": "1"}]}}), encoding="utf-8")
    read = read_routes(str(file))

    assert [one.route.extended_communities for one in read.routes] == [("target:65010:1",)]
    assert read.notes[1:] == [
        f"{file}: extended communities LB, left out: 1",
        f"{file}: extended communities UNK, left out: 1",
        f"{file}: paths without nexthops and aspath, left out: 1",
    ]


@pytest.mark.parametrize("name", ["frr_ipv4.json", "frr_ipv4_detail.json"])
def test_routes_of_frr_have_the_neighbour_that_sent_them(name: str) -> None:
    """Each path has its peer's address, and the router's own has none."""
    read = {(str(one.route.prefix), one.context.peer_address) for one in read_routes(str(SAMPLES / name)).routes}

    assert {("10.10.0.0/16", ip_address("10.0.0.3")), ("10.10.0.0/16", None)} <= read
    assert ("10.100.0.0/16", ip_address("10.0.0.2")) in read


# this project


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "routes", "routes": [route_object(PLAIN)]},
        {"kind": "rib-in", "rib_in": [{"session": "msee1/ipv4", "routes": [route_object(PLAIN)]}]},
        {"kind": "rib-out", "rib_out": [{"session": "msee1/ipv4", "routes": [route_object(PLAIN)]}]},
        {
            "kind": "prediction",
            "routers": [
                {"routes": [route_object(PLAIN)], "rib_in": [{"routes": [route_object(PLAIN)]}], "rib_out": []},
                {"routes": [], "rib_in": [], "rib_out": []},
            ],
        },
    ],
    ids=lambda content: content["kind"],
)
def test_the_tables_of_erlab_are_read_each_route_once(content: dict[str, object], tmp_path: Path) -> None:
    """Loc-RIB, Adj-RIBs and predictions hold routes."""
    file = tmp_path / "x.json"
    file.write_text(document(**content), encoding="utf-8")  # type: ignore[arg-type]  # JSON as it is

    assert routes(file) == [PLAIN]


@pytest.mark.parametrize("kind", ["rib-in", "rib-out"])
def test_routes_of_a_session_have_its_neighbour(kind: str, tmp_path: Path) -> None:
    """The name of a session says from whom its routes are; a route of two sessions is there twice, of one once."""
    file = tmp_path / "x.json"
    sessions = [{"session": name, "routes": [route_object(PLAIN)] * 2} for name in ("msee1/ipv4", "msee2/ipv4")]
    file.write_text(document(kind, **{kind.replace("-", "_"): sessions}), encoding="utf-8")

    assert neighbors(file) == ["msee1", "msee2"]


# YAML and words


def test_a_list_of_yaml_is_read_and_may_be_json(tmp_path: Path) -> None:
    """A list of prefixes and of mappings, as cases have them, in YAML or JSON."""
    file = tmp_path / "routes"
    file.write_text("- 10.0.0.0/8\n- {prefix: 10.1.0.0/16, origin: egp}\n", encoding="utf-8")
    same = tmp_path / "same"
    same.write_text('["10.0.0.0/8", {"prefix": "10.1.0.0/16", "origin": "egp"}]', encoding="utf-8")

    assert routes(file) == routes(same)
    assert [(str(one.prefix), one.origin) for one in routes(file)] == [
        ("10.0.0.0/8", Origin.IGP),
        ("10.1.0.0/16", Origin.EGP),
    ]


def test_a_route_is_read_from_the_words_of_a_call() -> None:
    """Attributes are separated by blanks, lists by commas, and what has blanks is in quotes."""
    route = route_of(
        'prefix=10.100.0.0/16 as_path="12076 65010"  communities=westeurope.private,no-export med=5 '
        "next_hop=172.16.0.2 cluster_list=10.0.0.1 large_communities= "
    )

    assert route == Route(
        prefix=parse_prefix("10.100.0.0/16"),
        next_hop=ip_address("172.16.0.2"),
        as_path=AsPath.of(12076, 65010),
        multi_exit_disc=5,
        communities=route.communities,
        cluster_list=route.cluster_list,
    )
    assert route.communities == ("12076:50002", "65535:65281")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("prefix=10.0.0.1/8", "--route:1:8: prefix: 10.0.0.1/8 has host bits set: the prefix is 10.0.0.0/8\n"),
        ("prefix=10.0.0.0/8 med=x", "--route:1:23: med: 'x' is not a whole number\n"),
        ("prefix=10.0.0.0/8 communities=1:1,x", "--route:1:31: unknown community 'x'\n"),
        ("prefix=10.0.0.0/8 as_path=12076 65010", "--route:1:33: '65010' is no attribute\n"),
        ("prefix=10.0.0.0/8 prefix=10.0.0.0/8", "--route:1:19: 'prefix' is here twice\n"),
        ("prefx=10.0.0.0/8", "--route:1:1: unknown key 'prefx'\n    did you mean 'prefix'?"),
        (
            'prefix=10.0.0.0/8 communities="65010:1 65010:2"',
            "--route:1:32: communities: '65010:1 65010:2' has blanks\n    separate with commas: 65010:1,65010:2\n",
        ),
        ("prefix=10.0.0.0/8 multi_exit_disc=5", "--route:1:19: multi_exit_disc is called med here\n"),
        ("", "--route:1:1: missing key 'prefix' in routes\n"),
        ('prefix="10.0.0.0/8', "--route:1:1: 'prefix=\"10.0.0.0/8' is no attribute\n"),
    ],
)
def test_wrong_words_of_a_call_are_told_with_their_column(words: str, says: str) -> None:
    """Every mistake in a call's route says where in it, and what would be right."""
    with pytest.raises(InputError) as refusal:
        route_of(words)

    assert says in str(refusal.value)


# MRT


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress], ids=["plain", "gzip", "bzip2"])
def test_an_mrt_dump_is_read_packed_or_not(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A table dump is known by its octets, and so is how it was compressed."""
    file = tmp_path / "rib"
    file.write_bytes(pack(DUMP))

    assert routes(file) == [PLAIN]
    assert neighbors(file) == ["192.0.2.1"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress], ids=["gzip", "bzip2"])
def test_a_packed_file_may_come_through_a_pipe(pack: Callable[[bytes], bytes]) -> None:
    """A pipe can be read once, and is."""
    end, other_end = os.pipe()
    os.write(other_end, pack(DUMP))
    os.close(other_end)

    assert routes(Path(f"/dev/fd/{end}")) == [PLAIN]
    os.close(end)


def test_a_list_that_is_too_long_says_what_holds_more(tmp_path: Path) -> None:
    """Where YAML has more values than are read, other forms are named."""
    file = tmp_path / "x"
    file.write_text("- 10.0.0.0/8\n" * 100_001, encoding="utf-8")

    assert "\n    give so many routes as JSON of erlab or FRR, or as an MRT dump\n" in wrong(file)


def test_what_was_passed_over_in_a_dump_is_told(tmp_path: Path) -> None:
    """Records of other kinds are not read, and a note counts them once all is read."""
    file = tmp_path / "rib"
    file.write_bytes(DUMP + table("10.0.0.0/8", (0, ATTRIBUTES), subtype=3))
    read = read_routes(str(file))

    assert [one.route for one in read.routes] == [PLAIN]
    assert read.notes == [f"{file}: records of TABLE_DUMP_V2, subtype 3, passed over: 1"]


# what cannot be read


BROKEN = {
    "not_json": ('{"routes": }', "x:1:12: not JSON: Expecting value"),
    "unknown_json": ("{}", "x:1:1: this JSON document holds no routes in a form that is known"),
    "other_document": ('{"schema": "erlab/status/1"}', "x:1:12: a document of the kind 'status' has no routes"),
    "frr_prefix": (
        '{"routes": {"10.0.0.0/8": [],\n "10.0.0.1/8": []}}',
        "x:2:16: 10.0.0.1/8 has host bits set: the prefix is 10.0.0.0/8",
    ),
    "frr_path": (
        '{"routes": {"10.0.0.0/8": [{"path": "x",\n  "nexthops": [{"ip": "10.0.0.1"}]}]}}',
        "x:1:37: path: 'x' is not an AS number",
    ),
    "frr_no_next_hop": ('{"routes": {"10.0.0.0/8": [{"path": "1", "nexthops": []}]}}', "x:1:54: a path without a next"),
    "frr_metric": (
        '{"routes": {"10.0.0.0/8": [{"path": "1", "metric": -1, "nexthops": [{"ip": "10.0.0.1"}]}]}}',
        "x:1:52: metric: -1 is no number from 0 to 4294967295",
    ),
    "frr_community": (
        '{"routes": {"10.0.0.0/8": [{"community":\n {"string": "1:x"}, "nexthops": [{"ip": "10.0.0.1"}]}]}}',
        "x:2:13: string: '1:x' is not a community",
    ),
    "frr_extended": (
        '{"routes": {"10.0.0.0/8": [{"extendedCommunity":\n {"string": "RT:1:x"}, "nexthops": [{"ip": "10.0.0.1"}]}]}}',
        "x:2:13: string: 'target:1:x' is not an extended community",
    ),
    "frr_no_list": ('{"routes": {"10.0.0.0/8": 5}}', "x:1:27: 10.0.0.0/8 must be a list"),
    "erlab_no_prefix": ('{"schema": "erlab/routes/1", "routes": [{}]}', "x:1:41: prefix is missing"),
    "erlab_no_next_hop": (
        '{"schema": "erlab/routes/1", "routes": [{"prefix": "10.0.0.0/8"}]}',
        "x:1:41: next_hop is missing",
    ),
    "erlab_item": (
        '{"schema": "erlab/routes/1", "routes": [{"prefix": "::/0", "next_hop": {"address": "::"},\n "unknown": [5]}]}',
        "x:2:14: unknown holds 5, which is no text",
    ),
    "erlab_kind": ('{"schema": "erlab/routes/1", "routes": [[]]}', "x:1:41: must be an object, not a list"),
    "erlab_version": (
        '{"schema": "erlab/routes/99", "routes": []}',
        "x:1:12: 'erlab/routes/99' is of a version that is not known\n    this version of erlab reads erlab/routes/1",
    ),
    "erlab_no_version": ('{"schema": "erlab/routes", "routes": []}', "x:1:12: 'erlab/routes' is of a version that"),
    "erlab_no_table": ('{"schema": "erlab/rib-in/1", "routes": []}', "x:1:1: rib_in must be a list"),
    "erlab_key": (
        '{"schema": "erlab/routes/1", "routes": [{"prefix": "::/0",\n "comunities": []}]}',
        "x:2:16: unknown key 'comunities'\n    did you mean 'communities'?",
    ),
    "erlab_session_key": ('{"schema": "erlab/rib-in/1", "rib_in": [{"rotes": []}]}', "x:1:51: unknown key 'rotes'"),
    "erlab_vrf": (
        '{"schema": "erlab/routes/1", "routes": [{\n"prefix": "::/0","next_hop": {"address": "::"},"vrf": "\\ud800"}]}',
        "x:2:55: vrf: '\\ud800' is no VRF name",
    ),
    "yaml": ("- prefix: 10.0.0.0/8\n  med: x\n", "x:2:8: med: 'x' is not a whole number"),
    "no_list": ("prefix: 10.0.0.0/8\n", "x:1:1: this is no list of routes"),
    "not_yaml": ("- [", "x:2:1: not YAML"),
    "empty": ("\n", "x: the file is empty"),
    "deep": ('{"a":' * 100_000, "x:1:1: not JSON that can be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_told_with_its_place(name: str, tmp_path: Path) -> None:
    """A file that is wrong is refused, with the line and column of what is wrong in it."""
    text, says = BROKEN[name]
    file = tmp_path / "x"
    file.write_text(text, encoding="utf-8")

    assert wrong(file).startswith(says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (DUMP[:-1], "x: MRT record at octet"),
        (gzip.compress(DUMP, mtime=0)[:-9], "x: cannot be read: Compressed file ended"),
        (b"\x1f\x8bnothing", "x: cannot be read"),
        (b"- 10.0.0.0/8\n- \xff\n", "x:2:3: the file is no UTF-8 text"),
    ],
)
def test_octets_that_cannot_be_read_are_told(content: bytes, says: str, tmp_path: Path) -> None:
    """A dump that ends too early, a broken archive and another encoding are refused."""
    file = tmp_path / "x"
    file.write_bytes(content)

    assert wrong(file).startswith(says)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing file and a directory are named."""
    assert wrong(tmp_path / "missing") == "missing: no such file"
    assert wrong(tmp_path).endswith("is a directory, not a file")


def test_very_many_routes_are_not_made_before_they_are_asked_for(tmp_path: Path) -> None:
    """Routes are read one by one: the first comes out though the second is wrong."""
    file = tmp_path / "x"
    text = '{"routes": {"10.0.0.0/8": [{"path": "1", "nexthops": [{"ip": "10.0.0.1"}]}], "x": []}}'
    file.write_text(text, encoding="utf-8")
    found = read_routes(str(file)).routes

    assert next(found).route.prefix == ip_network("10.0.0.0/8")
    with pytest.raises(InputError):
        next(found)
