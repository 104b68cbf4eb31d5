"""What a circuit goes through, applied to a running lab and undone: each step is what the model says, and tells why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erlab_command import Ended, Erlab
from lab_processes import await_

TOP = Path(__file__).parents[2]
PROVIDER = "  provider: {service: layer2, s_tag: 1034}"


class Lab:
    """A shipped topology in a running lab, with a file that can be changed and applied."""

    def __init__(self, erlab: Erlab, directory: Path, shipped: str) -> None:
        self._erlab = erlab
        self._whole = (TOP / "topologies" / f"{shipped}.yaml").read_text(encoding="utf-8")
        for path in (TOP / "policies").glob("*.yaml"):
            copy = directory / "policies" / path.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        self._file = directory / "topologies" / f"{shipped}.yaml"
        self._file.parent.mkdir()
        self._file.write_text(self._whole, encoding="utf-8")
        self._name = self._whole.split("name: ", 1)[1].split("\n", 1)[0]
        erlab.does("up", self._file)
        self._tested = Ended(code=1, out="", err="")

    def becomes(self, after: str = "", more: str = "") -> None:
        """Apply the shipped file, with a line more after one of its lines; it settles, as the model says."""
        assert not after or self._whole.count(f"{after}\n") == 1
        text = self._whole.replace(f"{after}\n", f"{after}\n{more}\n") if after else self._whole
        self._file.write_text(text, encoding="utf-8")
        self._erlab.does("apply", self._file)
        self._tested = self._erlab.run("test", self._file, "--lab", self._name, "--format", "json")
        document = self._tested.document
        assert (document["model"]["differences"], document["notes"]) == ([], [])

    def causes(self) -> str:
        """Why expectations of the file do not hold."""
        return " ".join(one["cause"] or "" for one in self._tested.document["verdicts"])

    def passes(self) -> None:
        """Every expectation of the shipped file holds."""
        assert (self._tested.code, self.causes().strip()) == (0, "")

    def status(self) -> str:
        """What is said of the lab, in one line."""
        return " ".join(self._erlab.does("status").out.split())

    def sessions(self, router: str, neighbor: str) -> dict[str, Any]:
        """A router's sessions with a neighbour, by family."""
        shown = self._erlab.does("show", "sessions", router, "--format", "json").document["sessions"]
        return {one["family"]: one for one in shown if one["neighbor"] == neighbor}

    def up(self, router: str, neighbor: str) -> dict[str, bool]:
        """Which of a router's sessions with a neighbour are established, by family."""
        return {family: one["established"] for family, one in self.sessions(router, neighbor).items()}

    def why(self, router: str, neighbor: str) -> set[str]:
        """Why a router's sessions with a neighbour are down."""
        return {one["why_down"] for one in self.sessions(router, neighbor).values() if not one["established"]}

    def connections(self, router: str) -> list[str]:
        """The TCP connections of a router's sessions: the same ones only where no session was reset."""
        lines = self._erlab.shell(router, "ss", "-Htn", "state", "established").splitlines()
        return sorted(" ".join(line.split()[2:4]) for line in lines if ":179" in line)

    def as_paths(self, router: str, neighbor: str) -> set[str]:
        """The AS paths that a router received from a neighbour."""
        shown = self._erlab.does("show", "rib-in", router, "--format", "json").document["rib_in"]
        return {
            route["as_path"] for one in shown if one["session"].startswith(f"{neighbor}/") for route in one["routes"]
        }

    def ways(self, source: str, destination: str) -> set[tuple[str, ...]]:
        """The nodes that packets of both families pass between two hosts; all are answered."""
        probes = self._erlab.run("probe", source, destination, "--format", "json").document["probes"]
        return {tuple(one["forward"][1:-1]) if one["answered"] else () for one in probes}


BOTH = {"ipv4": True, "ipv6": True}
NEITHER = {"ipv4": False, "ipv6": False}
TOLD = {"notification received (6,2): Cease, administrative shutdown (RFC 4486 §4)"}
"""What the end that did not close a session knows."""


def test_a_circuit_whose_provider_is_not_done(erlab: Erlab, tmp_path: Path) -> None:
    """Both links are closed by Microsoft's edges, which say why; the gateway's sessions stay, and all comes back."""
    lab = Lab(erlab, tmp_path, "point_to_point_ethernet_layer2")
    gateway = lab.connections("gw")
    lab.becomes(PROVIDER, "  provisioning: not_provisioned")
    why = "the circuit's provider status is 'not provisioned' (documented: expressroute-workflows.md, 2023-06-30)"
    for edge, router in (("msee1", "ce1"), ("msee2", "ce2")):
        assert (lab.up(edge, router), lab.why(edge, router)) == (NEITHER, {f"shut down: {why}"})
        assert (lab.up(router, edge), lab.why(router, edge)) == (NEITHER, TOLD)
    assert lab.connections("gw") == gateway
    assert f"msee1 keeps closed ce1/ipv4, ce1/ipv6: {why}" in lab.status()
    assert f"session: msee1 - ce1 is down (ipv4): shut down: {why}" in lab.causes()
    assert lab.ways("hq", "hub") == {()}
    lab.becomes()
    lab.passes()
    assert lab.connections("gw") == gateway
    assert "keeps closed" not in lab.status()


def test_a_peering_that_is_disabled_in_one_family(erlab: Erlab, tmp_path: Path) -> None:
    """The sessions of IPv6 are closed with their reason, and those of IPv4 are not touched."""
    lab = Lab(erlab, tmp_path, "point_to_point_ethernet_layer2")
    before = [one for one in lab.connections("msee1") if "172.16." in one]
    lab.becomes("    vlan_id: 100", "    disabled: ipv6")
    assert lab.up("msee1", "ce1") == {"ipv4": True, "ipv6": False}
    assert [one.partition(" (")[0] for one in lab.why("msee1", "ce1")] == [
        "shut down: the peering is disabled for ipv6"
    ]
    assert "is down (ipv6): shut down: the peering is disabled for ipv6" in lab.causes()
    assert [one for one in lab.connections("msee1") if "172.16." in one] == before
    assert lab.ways("hq", "hub") == {("ce1", "msee1", "gw"), ()}
    lab.becomes()
    lab.passes()
    assert [one for one in lab.connections("msee1") if "172.16." in one] == before


def test_public_prefixes_that_wait_for_validation(erlab: Erlab, tmp_path: Path) -> None:
    """Microsoft peering is kept down until the prefixes are validated."""
    lab = Lab(erlab, tmp_path, "microsoft_peering")
    lab.becomes("    vlan_id: 200", "    validation: validation_needed")
    assert lab.up("ce1", "msee1-ms") == lab.up("msee2-ms", "ce2") == NEITHER
    assert lab.why("ce1", "msee1-ms") == TOLD
    says = "shut down: the advertised public prefixes need validation"
    assert [one.partition(" (")[0] for one in lab.why("msee1-ms", "ce1")] == [says]
    assert says in lab.causes()
    assert lab.up("msee1-ms", "ms-core") == BOTH
    lab.becomes()
    lab.passes()


def test_a_maintenance_from_its_announcement_to_its_end(erlab: Erlab, tmp_path: Path) -> None:
    """While paths are longer no session is reset and Azure's traffic moves; drained, all moves; then it returns."""
    lab = Lab(erlab, tmp_path, "point_to_point_ethernet_layer2")
    before = lab.connections("msee1")
    assert (lab.as_paths("ce1", "msee1"), lab.ways("hub", "hq")) == ({"12076"}, {("gw", "msee1", "ce1")})
    lab.becomes(PROVIDER, "  maintenance: primary")
    assert lab.connections("msee1") == before
    assert lab.as_paths("ce1", "msee1") == {" ".join(["12076"] * 9)}
    assert lab.as_paths("ce2", "msee2") == {"12076"}
    assert lab.ways("hub", "hq") == {("gw", "msee2", "ce2")}
    assert lab.ways("hq", "hub") == {("ce1", "msee1", "gw")}  # local preference wins over any path length
    assert "microsoft-to-gateway-in-maintenance (term 2, maintenance) of msee1 set as_path" in lab.causes()
    lab.becomes(PROVIDER, "  maintenance: {link: primary, phase: drained}")
    await_(lambda: lab.connections("msee1") == [], "the end of the connections")
    assert lab.up("msee1", "gw") == lab.up("ce1", "msee1") == NEITHER
    assert lab.why("ce1", "msee1") == lab.why("gw", "msee1") == TOLD
    assert lab.ways("hq", "hub") == {("ce1", "ce2", "msee2", "gw")}
    assert lab.ways("hub", "hq") == {("gw", "msee2", "ce2")}
    assert "shut down: planned maintenance of the primary link's edge" in lab.causes()
    lab.becomes()
    lab.passes()
    assert (lab.as_paths("ce1", "msee1"), lab.ways("hub", "hq")) == ({"12076"}, {("gw", "msee1", "ce1")})


@pytest.mark.parametrize("router", ["gw", "ce1"])
def test_nothing_is_closed_in_a_lab_without_a_reason(erlab: Erlab, tmp_path: Path, router: str) -> None:
    """The negative control: the same file applied again leaves every connection as it is."""
    lab = Lab(erlab, tmp_path, "point_to_point_ethernet_layer2")
    before = lab.connections(router)
    lab.becomes()
    assert (lab.connections(router), lab.why("ce1", "msee1")) == (before, set())
    lab.passes()
