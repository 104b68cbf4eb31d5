"""Topology files to test with: the shipped experiment as text, with each part that a test changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "topologies" / "point_to_point_ethernet_layer2.yaml"

POLICIES = """\
prefix_lists:
  azure: [10.100.0.0/16 le 24, "2001:db8:100::/48 le 64"]
  own: [10.10.0.0/16 le 24, "2001:db8:10::/48 le 64"]
policies:
  prefer:
    - {match: {prefix_list: azure}, set: {local_pref: 200}, then: accept}
    - then: reject
  prefer-more:
    - {match: {prefix_list: azure}, set: {local_pref: 300}, then: accept}
    - then: reject
  accept-azure:
    - {match: {prefix_list: azure}, then: accept}
    - then: reject
  own:
    - {match: {prefix_list: own}, then: accept}
    - then: reject
  own-prepended:
    - {match: {prefix_list: own}, set: {prepend: [65010, 65010, 65010]}, then: accept}
    - then: reject
  everything:
    - then: accept
  nothing:
    - then: reject
"""

_TEXT = """\
name: {name}
connectivity_model: point_to_point_ethernet
circuit: {{sku: {sku}, bandwidth: 1 Gbps, peering_location: Amsterdam, provider: {{service: layer2, s_tag: 1034}}}}
customer:
  asn: 65010
  routers: [{routers}]
  networks: {networks}
  {edges}
peerings:
  private:
    vlan_id: 100
    primary: {primary}
    secondary: {secondary}
    {keys}
    policies: {policies_of}
azure:
  region: West Europe
  vnets: {vnets}
policies: [{policy_file}]
{more}
{expect}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyText:
    """The parts of a topology file. It is the shipped one unless a part says otherwise."""

    expect: tuple[str, ...] = ("session: gw - msee1",)
    routers: str = "ce1, ce2"
    networks: str = '{hq: [10.10.0.0/16, "2001:db8:10::/48"]}'
    primary: str = '[172.16.0.0/30, "2001:db8:ffff::/126"]'
    secondary: str = '[172.16.0.4/30, "2001:db8:ffff::4/126"]'
    keys: str = "md5: Contoso123"
    policies_of: str = "{ce1: {import: prefer, export: own}, ce2: {import: accept-azure, export: own-prepended}}"
    vnets: str = '{hub: [10.100.0.0/16, "2001:db8:100::/48"]}'
    policies: str = POLICIES
    sku: str = "standard"
    edges: str = ""
    """More of the customer, such as `bgp: {...}`."""
    more: str = ""
    """More of the file, such as `assume: {...}`."""

    def write(self, directory: Path, name: str, file: str = "topology") -> Path:
        """Write the topology file of a lab, its policy file beside it."""
        policies = directory / f"{file}-policies.yaml"
        policies.write_text(self.policies, encoding="utf-8")
        written = directory / f"{file}.yaml"
        text = _TEXT.format(
            name=name,
            routers=self.routers,
            networks=self.networks,
            sku=self.sku,
            edges=self.edges,
            more=self.more,
            primary=self.primary,
            secondary=self.secondary,
            keys=self.keys,
            policies_of=self.policies_of,
            vnets=self.vnets,
            policy_file=policies.name,
            expect="\n  - ".join(["expect:", *self.expect]) if self.expect else "",
        )
        written.write_text(text, encoding="utf-8")
        return written


ONE_EDGE = TopologyText(routers="ce1", policies_of="{ce1: {import: accept-azure, export: own}}")
"""Both links at one customer edge, and no policy that tells them apart."""

IPV4_ONLY = TopologyText(
    networks="{hq: 10.10.0.0/16}",
    primary="172.16.0.0/30",
    secondary="172.16.0.4/30",
    vnets="{hub: 10.100.0.0/16}",
)

NEVER_SETTLES = TopologyText(keys="md5: Contoso123\n    customer_md5: {ce2: Other}")
"""A key that differs keeps one session down for ever."""
