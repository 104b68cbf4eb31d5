"""What right files become, and files that cannot be read at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.bgp import (
    Aggregate,
    BestPathRules,
    Community,
    Counted,
    Family,
    LeakedNetwork,
    MaxPrefix,
    RemovePrivate,
    parse_prefix,
)
from lab.errors import InputError
from lab.expectations import (
    ReachabilityExpectation,
    RouteExpectation,
    SessionExpectation,
    SessionState,
    Table,
)
from lab.load import load_file, load_policies, load_topology
from lab.load.source import MAX_BYTES, MAX_VALUES
from lab.plan.microsoft_edge import EDGE_MAXIMUM_PATHS
from lab.plan.of_topology import plan
from lab.policy import SessionRules
from lab.secret import Secret
from lab.topology import Azure, Bfd, EdgeBgp, Link, LinkSubnet, Network, Peering, Sku, Topology, VirtualNetwork
from topology_text import ONE_EDGE, TopologyText

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "topologies" / "point_to_point_ethernet_layer2.yaml"

RIGHT = Path(__file__).parents[1] / "golden" / "right"
EVERYTHING = (RIGHT / "everything.yaml").read_text(encoding="utf-8")


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A topology file that uses every key, and its policy file."""
    for file in RIGHT.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / "everything.yaml"


def changed(file: Path, *changes: tuple[str, str]) -> Topology:
    """What a topology file becomes when words in it are replaced."""
    text = file.read_text(encoding="utf-8")
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    other = file.with_name("changed.yaml")
    other.write_text(text, encoding="utf-8")
    return load_topology(other)


def without_places(topology: Topology) -> Topology:
    """A topology that does not tell in which file and line it was written."""
    return replace(topology, expectations=tuple(replace(e, where="") for e in topology.expectations))


def peering(topology: Topology) -> Peering:
    """The one peering of a topology."""
    ((one,),) = (circuit.peerings for circuit in topology.circuits)
    return one


# topologies


def test_the_shipped_topology_is_read() -> None:
    """The shipped topology becomes the circuit that its text describes."""
    topology = load_topology(SHIPPED)
    assert topology.name == "contoso-p2p"
    assert topology.circuits[0].sku is Sku.STANDARD
    assert topology.circuits[0].bandwidth_mbps == 1000
    assert topology.customer.sites[0].routers == ("ce1", "ce2")
    assert topology.customer.sites[0].networks == (
        Network(name="hq", prefixes=(parse_prefix("10.10.0.0/16"), parse_prefix("2001:db8:10::/48"))),
    )
    assert peering(topology).subnet(Link.SECONDARY, Family.IPV6) == parse_prefix("2001:db8:ffff::4/126")
    assert peering(topology).md5 == Secret("Contoso123")
    assert peering(topology).hold_time_s == 180
    assert peering(topology).bfd is None
    assert topology.azure.regional_community == Community("12076:50002")
    (export,) = peering(topology).rules_of("ce2").export_policies
    assert export.name == "own-networks-prepended"


def test_expectations_name_the_place_that_they_were_written_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """An expectation and a policy know their file, as the user called it, and their line."""
    monkeypatch.chdir(ROOT)
    topology = load_topology("topologies/point_to_point_ethernet_layer2.yaml")
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    first = lines.index("  - session: ce1 - msee1") + 1
    assert topology.expectations[0].where == f"topologies/point_to_point_ethernet_layer2.yaml:{first}"
    (policy,) = peering(topology).rules_of("ce1").import_policies
    lines = (ROOT / "policies" / "customer_edge.yaml").read_text(encoding="utf-8").splitlines()
    assert policy.source == f"policies/customer_edge.yaml:{lines.index('  prefer-this-link:') + 1}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", Bfd(interval_ms=300, multiplier=3)),
        ("{}", Bfd(interval_ms=300, multiplier=3)),
        ("{interval: 301ms}", Bfd(interval_ms=301, multiplier=3)),
        ("{multiplier: 255}", Bfd(interval_ms=300, multiplier=255)),
    ],
)
def test_bfd_is_what_microsofts_side_has_unless_the_file_says_more(tmp_path: Path, written: str, meant: Bfd) -> None:
    """The word true, and each key alone, leave the rest at 300 ms and a multiplier of 3."""
    file = TopologyText(keys=f"bfd: {written}").write(tmp_path, "bfd")
    assert peering(load_topology(file)).bfd == meant


def test_every_key_reaches_the_model(everything: Path) -> None:
    """Each key of a file that uses them all is in the model, in the right place."""
    topology = load_topology(everything)
    assert topology.customer.sites[0].asn == 65546
    assert topology.circuits[0].bandwidth_mbps == 50
    assert peering(topology).subnets == tuple(
        LinkSubnet(link=link, prefix=parse_prefix(text))
        for link, text in (
            (Link.PRIMARY, "172.16.0.0/30"),
            (Link.PRIMARY, "2001:db8:ffff::/126"),
            (Link.SECONDARY, "172.16.0.4/30"),
            (Link.SECONDARY, "2001:db8:ffff::4/126"),
        )
    )
    assert peering(topology).md5_at("ce1") == Secret("0123")
    assert peering(topology).md5_at("ce2") == Secret("Other")
    assert peering(topology).hold_time_s == 30
    assert peering(topology).bfd == Bfd(interval_ms=750, multiplier=5)
    assert topology.azure == Azure(
        region="Italy North",
        regional_community=Community("12076:50099"),
        vnets=(
            VirtualNetwork(network=Network(name="hub", prefixes=(parse_prefix("10.100.0.0/16"),))),
            VirtualNetwork(
                network=Network(name="spoke", prefixes=(parse_prefix("10.101.0.0/29"),)),
                community=Community("12076:20001"),
            ),
        ),
    )


def test_every_key_of_an_edge_reaches_the_model(everything: Path) -> None:
    """What a customer edge does beside its sessions with Microsoft is in the model, with the usual where nothing is."""
    (site,) = load_topology(everything).customer.sites
    ce1, ce2 = site.bgp_of("ce1"), site.bgp_of("ce2")
    assert ce1 is not None
    assert replace(ce1, ibgp=SessionRules()) == EdgeBgp(
        networks=(parse_prefix("10.20.0.0/16"), parse_prefix("0.0.0.0/0")),
        leaked_networks=(
            LeakedNetwork(prefix=parse_prefix("10.30.0.0/16"), vrf="branch"),
            LeakedNetwork(prefix=parse_prefix("2001:db8:30::/48"), vrf="branch"),
            LeakedNetwork(prefix=parse_prefix("10.31.0.0/16"), vrf="7"),
        ),
        aggregates=(
            Aggregate(prefix=parse_prefix("10.0.0.0/8")),
            Aggregate(prefix=parse_prefix("10.10.0.0/16"), summary_only=True, as_set=True),
        ),
        best_path=BestPathRules(
            always_compare_med=True, missing_med_as_worst=True, maximum_paths=4, multipath_relax=True
        ),
    )
    assert [policy.name for policy in ce1.ibgp.import_policies] == ["all"]
    assert [policy.name for policy in ce1.ibgp.export_policies] == ["on", "all"]
    assert not ce1.ibgp.next_hop_self
    assert ce2 == EdgeBgp(
        networks=(parse_prefix("10.20.0.0/16"),),
        aggregates=(Aggregate(prefix=parse_prefix("10.0.0.0/8")),),
        best_path=BestPathRules(maximum_paths=EDGE_MAXIMUM_PATHS),
        ibgp=SessionRules(next_hop_self=True),
    )


def test_every_rule_of_a_session_reaches_the_model(everything: Path) -> None:
    """A session has the policies of its chains in their order, and every rule beside them."""
    rules = peering(load_topology(everything)).rules_of
    assert rules("ce1") == SessionRules(export_policies=rules("ce1").export_policies)
    assert [policy.name for policy in rules("ce1").export_policies] == ["all"]
    assert [policy.name for policy in rules("ce2").import_policies] == ["on", "all"]
    assert replace(rules("ce2"), import_policies=()) == SessionRules(
        max_prefix=MaxPrefix(limit=4000, counted=Counted.ACCEPTED, warning_percent=80, restart_s=None),
        allowas_in=1,
        as_override=True,
        remove_private_asns=RemovePrivate.LEADING,
        default_originate=True,
        accept_blackhole=True,
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10", MaxPrefix(limit=10)),
        ("{limit: 10, warning_only: true}", MaxPrefix(limit=10, warning_only=True)),
        ("{limit: 10, restart: 5 s, counted: received}", MaxPrefix(limit=10, restart_s=5)),
        ("{limit: 10, warning_only: false, restart: never}", MaxPrefix(limit=10, restart_s=None)),
    ],
)
def test_forms_of_a_prefix_limit(everything: Path, written: str, meant: MaxPrefix) -> None:
    """A prefix limit is a number, or a mapping in which the usual need not be said."""
    before = "{limit: 4000, counted: accepted, warning: 80 %, restart: never}"
    assert peering(changed(everything, (before, written))).rules_of("ce2").max_prefix == meant


def test_every_key_of_an_expectation_reaches_the_model(everything: Path) -> None:
    """Attributes have the text form in which routes are compared: communities in order, an empty path as no text."""
    assert without_places(load_topology(everything)).expectations == (
        SessionExpectation(where="", routers=("msee1", "ce1"), family=Family.IPV6, state=SessionState.DOWN),
        SessionExpectation(where="", routers=("gw", "msee2")),
        RouteExpectation(
            where="",
            at="gw",
            prefix=parse_prefix("10.10.0.0/16"),
            attributes=(
                ("next_hop", "172.16.0.1"),
                ("origin", "igp"),
                ("as_path", ""),
                ("local_pref", "0"),
                ("multi_exit_disc", "5"),
                ("communities", "1:2 65535:65281"),
                ("large_communities", ""),
                ("weight", "7"),
            ),
        ),
        RouteExpectation(
            where="",
            at="ce1",
            prefix=parse_prefix("10.100.0.0/16"),
            attributes=(
                ("communities", "12076:50002"),
                ("extended_communities", "target:1:2"),
                ("atomic_aggregate", "set"),
                ("aggregator", "65010:10.0.0.1"),
                ("originator_id", "10.0.0.1"),
                ("cluster_list", "10.0.0.2 10.0.0.3"),
            ),
        ),
        RouteExpectation(
            where="",
            at="ce1",
            prefix=parse_prefix("10.100.0.0/16"),
            attributes=(("atomic_aggregate", ""), ("cluster_list", "")),
        ),
        RouteExpectation(
            where="",
            at="ce2",
            prefix=parse_prefix("0.0.0.0/0"),
            table=Table.ADJ_RIB_OUT,
            neighbor="ce1",
            attributes=(("as_path", "12076"),),
            present=False,
        ),
        RouteExpectation(
            where="",
            at="gw",
            prefix=parse_prefix("10.10.0.0/16"),
            table=Table.FIB,
            attributes=(("next_hop", "msee1 msee2"),),
        ),
        ReachabilityExpectation(
            where="", source="hq", destination="branch", family=Family.IPV4, dscp=10, via=(), reachable=True
        ),
        ReachabilityExpectation(where="", source="spoke", destination="hub", reachable=False),
    )


def test_a_topology_that_loads_can_be_planned(everything: Path) -> None:
    """A topology that loads can be planned."""
    names = {node.name for node in plan(load_topology(everything)).nodes}
    assert {"ce1", "ce2", "msee1", "msee2", "gw", "hq", "branch", "hub", "spoke"} <= names


def test_long_and_short_forms_mean_the_same(everything: Path) -> None:
    """A list of one prefix is one prefix, and a session's routers alone are its mapping with `between`."""
    longer = changed(
        everything,
        ("branch: 10.20.0.0/28", "branch: [10.20.0.0/28]"),
        ("hub: [10.100.0.0/16]", "hub: {prefixes: 10.100.0.0/16}"),
        ("session: gw - msee2", "session: {between: gw - msee2}"),
        (
            'secondary: [172.16.0.4/30, {subnet: "2001:db8:ffff::4/126"}]',
            'secondary: [172.16.0.4/30, "2001:db8:ffff::4/126"]',
        ),
    )
    assert without_places(longer) == without_places(load_topology(everything))


def test_policies_and_expectations_may_be_left_out(everything: Path) -> None:
    """A circuit without policies and expectations is a topology, one of which nothing passes (RFC 8212)."""
    text = EVERYTHING[: EVERYTHING.index("policies: [more")]
    text = text[: text.index("  bgp:")] + text[text.index("peerings:") :]
    text = text[: text.index("    policies:")] + text[text.index("azure:") :]
    everything.write_text(text, encoding="utf-8")
    topology = load_topology(everything)
    assert topology.expectations == ()
    assert peering(topology).rules == ()
    assert peering(topology).rules_of("ce1") == SessionRules()
    assert topology.customer.sites[0].bgp_of("ce1") is None


def test_one_router_may_have_both_links(everything: Path) -> None:
    """With one router both Microsoft edges are its neighbours."""
    topology = changed(
        everything,
        ("[ce1, ce2]", "[ce1]"),
        ("      ibgp: {import: all, export: [on, all], next_hop_self: false}\n", ""),
        ("    ce2: {networks: 10.20.0.0/16, aggregates: 10.0.0.0/8}\n", ""),
        ("      ce1: {export: all}\n      ce2:\n", "      ce1:\n"),
        ("customer_md5: {ce2", "customer_md5: {ce1"),
        ("session: gw - msee2", "session: ce1 - msee2"),
        ("{at: ce2, prefix: 0.0.0.0/0, table: adj_rib_out, neighbor: ce1", "{at: ce1, prefix: 0.0.0.0/0"),
    )
    assert topology.customer.sites[0].router_of(Link.SECONDARY) == "ce1"


def test_an_alias_stands_for_its_value(everything: Path) -> None:
    """An alias stands for its value, and a key may be one."""
    topology = changed(
        everything,
        ("name: everything", "name: &n everything"),
        ('"Amsterdam2"', "*n"),
        ("hub: [10.", "? &h hub\n    : [10."),
    )
    assert topology.circuits[0].peering_location == "everything"


def test_a_byte_order_mark_and_windows_line_ends_mean_nothing(everything: Path) -> None:
    """A file saved by a Windows editor is the same topology."""
    before = load_topology(everything)
    everything.write_bytes(b"\xef\xbb\xbf" + EVERYTHING.replace("\n", "\r\n").encode())
    assert load_topology(everything) == before


# policies


def test_a_file_tells_what_it_is(everything: Path) -> None:
    """`load_file` reads a topology file as a topology, and a policy file as policies."""
    assert isinstance(load_file(everything), Topology)
    assert load_file(everything.with_name("more.yaml")) == load_policies(everything.with_name("more.yaml"))


# files that cannot be read


def refusal(file: Path) -> InputError:
    """The error that a file is refused with."""
    with pytest.raises(InputError) as caught:
        load_topology(file)
    return caught.value


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A file that is not there is named."""
    assert str(refusal(tmp_path / "no.yaml")) == f"{tmp_path}/no.yaml: no such file"


def test_a_directory(tmp_path: Path) -> None:
    """A directory is called one."""
    assert str(refusal(tmp_path)) == f"{tmp_path}: is a directory, not a file"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (Path.mkdir, "is a directory, not a file"),
        (os.mkfifo, "is a pipe, a socket or a device, not a file"),
        (lambda path: path.symlink_to(os.devnull), "is a pipe, a socket or a device, not a file"),
    ],
    ids=["directory", "pipe", "device"],
)
def test_a_file_names_only_files(made: Callable[[Path], None], why: str, tmp_path: Path) -> None:
    """What is none is not waited for: the place that names it is told, for a configuration and for policies."""
    made(tmp_path / "odd")
    configured = replace(ONE_EDGE, edges="speakers: {ce1: {kind: frr, config: odd}}", policies_of="{}")
    assert f":8:39: config: {tmp_path}/odd: {why}" in str(refusal(configured.write(tmp_path, "lab")))
    file = ONE_EDGE.write(tmp_path, "lab")
    file.write_text(file.read_text().replace("topology-policies.yaml", "odd"))
    assert f":19:12: {tmp_path}/odd: " in str(refusal(file))
    assert why in str(refusal(file))


def test_an_impossible_name() -> None:
    """A name that no file can have is refused like a file that cannot be read."""
    assert "cannot be read" in str(refusal(Path("a\0b")))


def test_a_file_without_permission(everything: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the system does not let the user read is said to be so. Root may read all, so it is played."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert str(refusal(everything)) == f"{everything}: no permission to read it"


def test_a_file_that_is_not_utf8(everything: Path) -> None:
    """The first byte that is not UTF-8 is pointed at."""
    everything.write_bytes("name: größe\nä: 1\n".encode("latin-1"))
    (mistake,) = refusal(everything).mistakes
    assert (mistake.line, mistake.column, mistake.what) == (1, 9, "the file is not UTF-8")


def test_a_file_with_a_control_character(everything: Path) -> None:
    """A character that YAML does not allow is pointed at."""
    everything.write_text("name: ok\nb: é\x07\n", encoding="utf-8")
    (mistake,) = refusal(everything).mistakes
    assert (mistake.line, mistake.column, mistake.what) == (2, 5, "character U+0007 is not allowed in YAML")


def test_a_file_of_no_bytes(everything: Path) -> None:
    """A file of no bytes is empty."""
    everything.write_bytes(b"")
    assert [m.what for m in refusal(everything).mistakes] == ["the file is empty"]


def test_a_file_that_is_too_large(everything: Path) -> None:
    """A file above the limit is refused without being parsed."""
    everything.write_bytes(b"#" * (MAX_BYTES + 1))
    assert str(refusal(everything)) == f"{everything}: is larger than 10 MB, the most that is read"


def test_an_endless_file() -> None:
    """A file without an end is read no further than the limit."""
    assert str(refusal(Path("/dev/zero"))) == "/dev/zero: is larger than 10 MB, the most that is read"


def test_a_file_of_too_many_values(everything: Path) -> None:
    """A file with more values than the limit is refused."""
    everything.write_text("- x\n" * (MAX_VALUES + 1), encoding="utf-8")
    (mistake,) = refusal(everything).mistakes
    assert mistake.what == f"more than {MAX_VALUES} values in one file"
    assert "JSON or MRT" in mistake.meant


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, "- " * 200_000, "? " * 200_000])
def test_a_very_deep_file_is_refused_at_once(everything: Path, text: str) -> None:
    """Nesting beyond the limit ends the reading there: libyaml's own time would grow with its square."""
    everything.write_text(text, encoding="utf-8")
    assert [m.what for m in refusal(everything).mistakes] == ["nested deeper than 40 levels"]


def test_thousands_of_mistakes_end(everything: Path) -> None:
    """Of very many mistakes the first ones are put into words, and the rest is counted."""
    keys = "".join(f"key{number}: 1\n" for number in range(20_000))
    everything.write_text(EVERYTHING + keys, encoding="utf-8")
    error = refusal(everything)
    assert len(error.mistakes) == 501
    assert any(mistake.what == "and 19500 mistakes more like these" for mistake in error.mistakes)


def test_thousands_of_prefixes_are_compared_quickly(everything: Path) -> None:
    """Overlaps are looked for without comparing every prefix with every other one."""
    networks = "".join(f"    n{number}: 10.10.{number % 256}.0/24\n" for number in range(20_000))
    everything.write_text(EVERYTHING.replace("    branch: 10.20.0.0/28\n", networks), encoding="utf-8")
    assert len(refusal(everything).mistakes) == 500


# secrets and cost


@pytest.mark.parametrize(
    "written", ["Secret Key", "Secret-Key", "[SecretKey]", "{SecretKey: 1}", "SecretKeySecretKeySecretKey"]
)
def test_no_message_shows_a_key(everything: Path, written: str) -> None:
    """A wrong MD5 key is refused without being shown."""
    everything.write_text(EVERYTHING.replace("md5: 0123", f"md5: {written}"), encoding="utf-8")
    assert "Secret" not in str(refusal(everything))


def test_a_topology_does_not_show_its_keys(everything: Path) -> None:
    """The model's own text hides the keys."""
    assert "Contoso123" not in repr(load_topology(SHIPPED))
    assert "Other" not in repr(peering(load_topology(everything)))


def test_loading_imports_nothing_heavy() -> None:
    """Reading a file needs neither the terminal's nor the packets' libraries."""
    code = f"import sys; from lab.load import load_topology; load_topology({str(SHIPPED)!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)  # noqa: S603  # our own code
    assert not {"rich", "scapy", "exabgp", "pyroute2", "asyncio", "jsonschema"} & set(loaded.stdout.split())
