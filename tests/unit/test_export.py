"""`erlab export`, in this process: what it writes, for whom to read, and what it leaves alone."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from export_schemas import CONTAINERLAB, TOPOLOGIES, problems, problems_of_resource
from lab.cli import main
from lab.device_file import from_text, to_text
from lab.errors import InputError
from lab.export import exported
from lab.export.containerlab import PLAN, topology
from lab.export.kubernetes import Api, api_for, resources
from lab.limits import Limits
from lab.load import load_topology
from lab.plan import Plan
from lab.plan.devices import by_number, devices_of
from lab.plan.of_topology import plan
from lab.secret import Secret
from lab.speakers import ForeignSpeaker, OwnConfig, SpeakerKind

ALL = sorted(one.name for one in TOPOLOGIES.glob("*.yaml"))
REFERENCE = TOPOLOGIES / "point_to_point_ethernet_layer2.yaml"
MD5 = "Contoso123"


@cache
def planned(name: str) -> Plan:
    """The plan of one of this project's topologies."""
    return plan(load_topology(TOPOLOGIES / name))


def export(*arguments: str | Path) -> int:
    """The exit code of a call."""
    return main(["export", *map(str, arguments)])


def content(directory: Path) -> dict[str, str]:
    """The files of a directory and of those in it."""
    files = (one for one in directory.rglob("*") if one.is_file())
    return {str(one.relative_to(directory)): one.read_text(encoding="utf-8") for one in files}


def loaded(text: str) -> list[Any]:
    """The documents of YAML."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


def clab(directory: Path) -> Any:  # noqa: ANN401  # whatever YAML holds
    """The topology of containerlab in a directory."""
    (file,) = directory.glob("*.clab.yml")
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ALL)
def test_every_topology_of_the_project_is_exported_to_what_the_schemas_allow(name: str) -> None:
    """None is refused; each interface that a device waits for is the end of one link, and no link has another end."""
    lab = exported(planned(name), "erlab/node", "erlab/peers", {})
    document = loaded(topology(lab, lab.name))[0]
    assert problems(document, CONTAINERLAB) == []
    awaited = [f"{one.name}:{its.name}" for one in lab.devices.devices for its in one.attachments]
    ends = [end for link in document["topology"]["links"] for end in link["endpoints"]]
    assert sorted(ends) == sorted(awaited)
    assert len(set(ends)) == len(ends)
    assert all(len(end.rpartition(":")[2]) <= 15 for end in ends)
    assert set(document["topology"]["nodes"]) == {one.name for one in lab.devices.devices}

    lab = exported(planned(name), "erlab/node", "erlab/peers", {}, short_names=True)
    files = {one.name: to_text(one) for one in lab.devices.devices}
    documents = [one for text in resources(lab, files, api_for(lab, None)) for one in loaded(text)]
    assert [problem for one in documents for problem in problems_of_resource(one)] == []
    kept = {one["metadata"]["name"]: one.get("data", one.get("stringData")) for one in documents}
    spec = next(one for one in documents if one["kind"] == "Topology")["spec"]
    inner = loaded(spec["definition"]["containerlab"])[0]
    assert problems(inner, CONTAINERLAB) == []
    mounted = {one: mounts[0] for mounts in spec["deployment"].values() for one, mounts in mounts.items()}
    assert set(mounted) == set(inner["topology"]["nodes"])
    for one, mount in mounted.items():
        assert kept[mount.get("configMapName") or mount["secretName"]] == {"plan.json": files[one]}
        assert mount["filePath"] == inner["topology"]["nodes"][one]["binds"][0].split(":")[0] == PLAN


def test_the_schemas_refuse_what_containerlab_would() -> None:
    """The negative control: a key of no node, an unknown kind, a link with one end, none, a name that is none."""
    node = {"kind": "linux", "image": "erlab/node"}

    def wrong(node: dict[str, Any], *ends: str, name: str = "a") -> int:
        links = [{"endpoints": [*ends]}] if ends else []
        return len(problems({"name": "x", "topology": {"nodes": {name: node}, "links": links}}, CONTAINERLAB))

    assert wrong(node, "a:b", "c:d") == 0
    assert wrong({**node, "network_mode": "none"}, "a:b", "c:d") == 1
    assert wrong({**node, "kind": "erlab"}, "a:b", "c:d") == 1
    assert wrong(node, "a:b") == 1
    assert wrong(node) == 1
    assert wrong(node, "a:b", "c:d", name="-a") == 1
    assert wrong({**node, "cpu": -0.5}, "a:b", "c:d") == 1
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "UPPER"}, "type": "Opaque", "stringData": {}}
    assert len(problems_of_resource(secret)) == 1
    assert problems_of_resource({**secret, "kind": "Pod"}) == ["unknown: v1 Pod"]


def test_a_device_is_all_that_shares_a_port_or_a_tunnel_and_knows_nothing_of_others() -> None:
    """The plans of the devices are together that of the lab, and each MD5 key is at the two ends of its sessions."""
    for name in ("any_to_any_ipvpn.yaml", "direct_qinq.yaml", "qos_queues.yaml"):
        whole = planned(name)
        devices = devices_of(whole).devices
        nodes = [node for one in devices for node in one.plan.nodes]
        assert sorted(node.name for node in nodes) == sorted(node.name for node in whole.nodes)
        assert all(node == whole.node(node.name) for node in nodes)
        assert all(from_text(to_text(one), one.name) == one for one in devices)
    vpn = devices_of(planned("any_to_any_ipvpn.yaml"))
    assert [node.name for node in vpn.device("pe1").plan.nodes] == ["pe1", "pe1-contoso", "pe1-fabrikam"]
    assert [(one.label, len(one.ways)) for one in vpn.device("pe1").tunnels] == [(100, 3), (200, 1)]
    port_pair = devices_of(planned("direct_qinq.yaml")).device("prod-msee1")
    assert [node.name for node in port_pair.plan.nodes] == ["prod-msee1", "prod-msee1-ms", "test-msee1"]
    assert [one.name for one in port_pair.attachments] == ["prod-port1", "to-gw", "e3", "to-ms-core"]
    reference = devices_of(planned(REFERENCE.name))
    assert [one.name for one in reference.devices if one.has_secrets] == ["ce1", "ce2", "msee1", "msee2"]
    assert all((MD5 in to_text(one)) == one.has_secrets for one in reference.devices)


def test_an_impaired_wire_is_a_device_between_two_links() -> None:
    """Its two interfaces are those of the wire, each joined to the device that the wire led to."""
    lab = devices_of(planned("qos_queues.yaml"), by_number)
    wire = lab.device("wire-primary")
    assert wire.wire is not None
    assert wire.wire.impaired
    ends = [[str(end) for end in link.ends] for link in lab.links if "wire-primary" in {one.node for one in link.ends}]
    assert ends == [["ce1:e2", "wire-primary:e1"], ["wire-primary:e2", "line1:e1"]]


def test_md5_keys_are_in_files_of_their_devices_that_only_their_owner_reads(tmp_path: Path) -> None:
    """For containerlab in the devices' files, for Kubernetes in Secrets, and nowhere else."""
    assert export("containerlab", REFERENCE, "-o", tmp_path / "clab") == 0
    assert export("kubernetes", REFERENCE, "-o", tmp_path / "c9s", "--ce", "ce1=arista_ceos:ceos:4.32.0F") == 0
    secret = {name for name, text in {**content(tmp_path)}.items() if MD5 in text}
    routers = {f"clab/contoso-p2p/{one}.json" for one in ("ce1", "ce2", "msee1", "msee2")}
    assert secret == {*routers, "c9s/contoso-p2p.secrets.yml"}
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in content(tmp_path)}
    assert modes == {name: 0o600 if name in secret else 0o644 for name in modes}
    assert "c9s.run/v1alpha1" in (tmp_path / "c9s" / "contoso-p2p.c9s.yml").read_text(encoding="utf-8")


def test_keys_are_not_put_where_an_api_takes_no_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The older API of Clabernetes is refused for a lab with keys, and is the default for one without."""
    older = Api.CLABERNETES.value
    assert export("kubernetes", REFERENCE, "-o", tmp_path / "a", "--api", older) == 2
    assert "no place for the MD5 keys of ce1, ce2, msee1, msee2: take --api c9s.run/v1alpha1" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
    assert export("kubernetes", TOPOLOGIES / "failover.yaml", "-o", tmp_path / "b") == 0
    assert f"apiVersion: {older}" in next((tmp_path / "b").glob("*.c9s.yml")).read_text(encoding="utf-8")


def test_a_vendors_image_faces_our_edge_and_is_told_what_to_be(tmp_path: Path) -> None:
    """Its node has its kind and image, interfaces as that kind calls them, and no file; the comment has no MD5 key."""
    images = ("--ce", "ce1=nokia_srlinux:ghcr.io/nokia/srlinux:24.10", "--ce", "ce2=cisco_xrd:ios-xr/xrd:24.1")
    assert export("containerlab", REFERENCE, "-o", tmp_path, *images) == 0
    document = clab(tmp_path)
    assert problems(document, CONTAINERLAB) == []
    assert document["topology"]["nodes"]["ce1"] == {"kind": "nokia_srlinux", "image": "ghcr.io/nokia/srlinux:24.10"}
    ends = [link["endpoints"] for link in document["topology"]["links"]]
    assert ["ce1:e1-2", "line1:customer"] in ends
    assert ["ce2:Gi0-0-0-1", "line2:customer"] in ends
    assert not (tmp_path / "contoso-p2p" / "ce1.json").exists()
    text = (tmp_path / "contoso-p2p.clab.yml").read_text(encoding="utf-8")
    for said in (
        "# ce1 is yours to configure: AS 65010, router id 10.10.0.1",
        "#   e1-2 VLAN 100 (to-msee1): 172.16.0.1/30",
        "#   BGP ipv4 from 172.16.0.1 to 172.16.0.2 (msee1, AS 12076), hold time 180 s, the MD5 key of",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            "msee1=arista_ceos:ceos",
            "only a customer edge can have another image, and msee1 is none; customer edges here: ce1",
        ),
        ("ce1=arista_ceos", "write NAME=KIND:IMAGE"),
    ],
)
def test_a_vendors_image_is_a_customer_edges(
    wrong: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another node, or half a call, is refused, and nothing is written."""
    assert export("containerlab", REFERENCE, "-o", tmp_path / "x", "--ce", wrong) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_an_export_replaces_its_own_files_and_nothing_of_a_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it does not write again of its own goes; a file of somebody else stays, or keeps it from writing at all."""
    assert export("containerlab", REFERENCE, "-o", tmp_path) == 0
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "contoso-p2p" / "mine.json").write_text("{}")
    assert export("containerlab", REFERENCE, "-o", tmp_path, "--ce", "ce2=linux:frr") == 0
    names = content(tmp_path)
    assert names["notes.md"] == "mine"
    assert "contoso-p2p/mine.json" in names
    assert "contoso-p2p/ce1.json" in names
    assert "contoso-p2p/ce2.json" not in names
    (tmp_path / "contoso-p2p" / "ce1.json").write_text("{}")
    before = content(tmp_path)
    capsys.readouterr()
    assert export("containerlab", REFERENCE, "-o", tmp_path) == 2
    assert "ce1.json is there and was not written by `erlab export`: move it" in capsys.readouterr().err
    assert content(tmp_path) == before


def test_keys_that_a_lab_has_no_more_go_with_their_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file of Secrets of an earlier export is removed, and it is said; a file of that name by a user stays."""
    keyless, secrets = TOPOLOGIES / "failover.yaml", tmp_path / "out" / "contoso-failover.secrets.yml"
    assert export("kubernetes", REFERENCE, "-o", tmp_path / "out") == 0
    (tmp_path / "out" / "contoso-p2p.secrets.yml").rename(secrets)
    assert MD5 in secrets.read_text(encoding="utf-8")
    capsys.readouterr()
    assert export("kubernetes", keyless, "-o", tmp_path / "out") == 0
    assert not secrets.exists()
    told = capsys.readouterr().err
    assert f"removed {secrets}: an earlier export wrote it" in told
    assert (
        "kubectl delete secret -l app.kubernetes.io/managed-by=erlab,app.kubernetes.io/part-of=contoso-failover" in told
    )
    secrets.write_text("kind: Secret  # mine\n", encoding="utf-8")
    assert export("kubernetes", keyless, "-o", tmp_path / "out") == 0
    assert secrets.read_text(encoding="utf-8") == "kind: Secret  # mine\n"
    assert "removed" not in capsys.readouterr().err


def test_a_directory_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a slip of the hand does not strew files into a home directory; nor is a link followed."""
    (tmp_path / "thesis.tex").write_text("x")
    assert export("containerlab", REFERENCE, "-o", tmp_path) == 2
    assert "has files and none is of `erlab export`: give -o a new or empty directory" in capsys.readouterr().err
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "contoso-p2p.clab.yml").symlink_to(tmp_path / "thesis.tex")
    assert export("containerlab", REFERENCE, "-o", tmp_path / "new") == 2
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_the_document_of_an_export_names_files_devices_and_stand_ins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`erlab/export/1` is on stdout, words are on stderr."""
    assert export("containerlab", TOPOLOGIES / "direct_qinq.yaml", "-o", tmp_path, "--format", "json") == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["schema"] == "erlab/export/1"
    assert {one["name"]: one["nodes"] for one in document["devices"]}["prod-msee1"][1:] == [
        "prod-msee1-ms",
        "test-msee1",
    ]
    assert set(document["files"]) == {str(one) for one in tmp_path.rglob("*.*")}
    assert any(one.startswith("faults: ") for one in document["fidelity"])
    assert re.search("^start it with: sudo containerlab deploy -t .*clab.yml$", printed.err, re.MULTILINE)


def test_what_kubernetes_takes_for_no_name_is_refused() -> None:
    """A name with a dash at its end is one for erlab and none for Kubernetes."""
    lab = exported(replace(planned("failover.yaml"), name="lab-"), "erlab/node", "erlab/peers", {}, short_names=True)
    with pytest.raises(InputError, match="'lab--ce1' is no name for Kubernetes"):
        resources(lab, {one.name: to_text(one) for one in lab.devices.devices}, Api.CLABERNETES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no plan of a device"),
        ("[]", "no plan of a device"),
        ('{"schema": "erlab/device/7"}', "it is of the form 'erlab/device/7', and this is erlab of 'erlab/device/1'"),
        ('{"schema": "erlab/device/1", "device": {"name": "x"}}', "cannot be read"),
    ],
)
def test_a_file_of_another_erlab_is_refused_in_words(text: str, said: str) -> None:
    """The program of a device says which file, why, and to export again."""
    with pytest.raises(InputError, match=f"^{PLAN}: .*{said}.*export the topology again"):
        from_text(text, PLAN)


def test_limits_of_routers_are_those_of_their_containers() -> None:
    """Memory and processors, and parts of one, of routers only."""
    limits = Limits(memory_bytes=256 << 20, cpus=2.0)
    lab = exported(replace(planned("failover.yaml"), limits=limits), "erlab/node", "erlab/peers", {})
    nodes = loaded(topology(lab, lab.name))[0]["topology"]["nodes"]
    assert (nodes["ce1"]["memory"], nodes["ce1"]["cpu"]) == ("268435456b", 2)
    assert "memory" not in nodes["hq"]
    lab = exported(replace(planned("failover.yaml"), limits=Limits(cpus=0.5)), "erlab/node", "erlab/peers", {})
    document = loaded(topology(lab, lab.name))[0]
    assert document["topology"]["nodes"]["ce1"]["cpu"] == 0.5
    assert problems(document, CONTAINERLAB) == []


def test_an_edge_that_is_a_daemon_has_the_image_with_daemons() -> None:
    """The file of one with a configuration of its own is secret: that may hold keys."""
    plan = planned("customer_edge_frr.yaml")
    lab = exported(plan, "erlab/node", "erlab/peers", {})
    assert {name for name, image in lab.images.items() if image == "erlab/peers"} == {"ce1", "ce2"}
    own = ForeignSpeaker(kind=SpeakerKind.FRR, config=OwnConfig(file="gw.conf", text=Secret("password x")))
    nodes = tuple(replace(node, speaker=own) if node.name == "gw" else node for node in plan.nodes)
    assert not lab.devices.device("gw").has_secrets
    assert devices_of(replace(plan, nodes=nodes)).device("gw").has_secrets
