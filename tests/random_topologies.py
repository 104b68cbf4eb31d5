"""Topology files at random that have no mistake: every connectivity model, with the longest names that there may be."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Mapping = dict[str, Any]

_LONG = "abcdefghijkl"
"""As long as the name of a node may be."""
_FAMILIES = st.sampled_from([("ipv4",), ("ipv6",), ("ipv4", "ipv6")])
_DOMAINS = st.sampled_from([("private",), ("microsoft",), ("private", "microsoft")])
_LOCATIONS = ("Amsterdam", "London", "Frankfurt")


def _name(prefix: str, number: int) -> str:
    """A name of 12 characters."""
    return f"{prefix}{number}{_LONG}"[:12]


def _blocks(families: tuple[str, ...], number: int, *, public: bool) -> list[str]:
    """The link block with a number, in each family."""
    four = (
        f"198.19.{240 + number // 64}.{number % 64 * 4}/30" if public else f"172.16.{number // 64}.{number % 64 * 4}/30"
    )
    six = f"2001:2:0:8fff::{number * 4:x}/126" if public else f"2001:db8:ffff::{number * 4:x}/126"
    return [block for family, block in (("ipv4", four), ("ipv6", six)) if family in families]


@st.composite
def topologies(draw: st.DrawFn) -> Mapping:
    """What a topology file says, as values of JSON."""
    model: str = draw(st.sampled_from(["point_to_point_ethernet", "cloud_exchange", "direct", "any_to_any_ipvpn"]))
    if model == "any_to_any_ipvpn":
        return draw(_ipvpns())
    service = "" if model == "direct" else draw(st.sampled_from(["layer2", "layer3"]))
    routers = [_name("ce", number) for number in range(1, draw(st.integers(1, 2)) + 1)]
    count = draw(st.integers(1, 3))
    encapsulation = draw(st.sampled_from(["dot1q", "qinq"]))
    circuits = {}
    for number in range(count):
        facing = [_name(f"pe{number}", one) for one in range(draw(st.integers(1, 2)))]
        carrier: Mapping = {"provider": {"service": service, "s_tag": 1000 + number}}
        if service == "layer3":
            carrier["provider"] |= {"asn": 64700, "routers": facing}
        elif not service:
            carrier = {"port": {"encapsulation": encapsulation}}
            carrier["port"] |= {"s_tag": 10 + number} if encapsulation == "qinq" else {}
        nat_routers = facing if service == "layer3" else routers
        circuits[f"{_LONG[:5]}{number}"] = draw(_circuit(carrier, nat_routers, number))
    customer: Mapping = {"asn": 65010, "routers": routers, "networks": draw(_networks(0))}
    if service == "layer3":
        facing = [name for one in circuits.values() for name in one["provider"]["routers"]]
        customer["access"] = {
            edge: {"to": draw(st.sampled_from(facing)), "subnet": _blocks(draw(_FAMILIES), 60 + number, public=False)}
            for number, edge in enumerate(routers)
        }
    said: Mapping = {"name": "random", "connectivity_model": model, "customer": customer}
    said["azure"] = draw(_azure({domain for one in circuits.values() for domain in one["peerings"]}))
    if count == 1 and draw(st.booleans()):
        (circuit,) = circuits.values()
        return said | {"peerings": circuit.pop("peerings"), "circuit": circuit}
    private = [name for name, one in circuits.items() if "private" in one["peerings"]]
    if len(private) > 0 and draw(st.booleans()):
        said["azure"]["connections"] = {private[0]: draw(st.integers(0, 32000))}
    if len(private) > 1 and draw(st.booleans()):
        blocks = {"ipv4": "192.168.8.0/29", "ipv6": "2001:db8:8::/125"}
        said["global_reach"] = {"circuits": private[:2], "subnet": [blocks[one] for one in draw(_FAMILIES)]}
    return said | {"circuits": circuits}


@st.composite
def _circuit(draw: st.DrawFn, carrier: Mapping, routers: list[str], number: int) -> Mapping:
    peerings: Mapping = {}
    translated = carrier.get("provider", {}).get("service") == "layer2" and draw(st.booleans())
    for index, domain in enumerate(draw(_DOMAINS)):
        public, families = domain == "microsoft", draw(_FAMILIES)
        peerings[domain] = {
            "vlan_id": 100 + 2 * number + index,
            "primary": _blocks(families, 4 * number + 2 * index, public=public),
            "secondary": _blocks(families, 4 * number + 2 * index + 1, public=public),
        }
        if translated:
            peerings[domain]["customer_vlan"] = {"primary": 500 + index, "secondary": 510 + index}
        if draw(st.booleans()):
            peerings[domain]["bfd"] = True
        if draw(st.booleans()):
            peerings[domain]["disabled"] = draw(st.sampled_from(families))
        if public:
            peerings[domain] |= {"advertised_prefixes": f"198.19.{number}.0/24", "customer_asn": 65540}
            if len(routers) > 1 and draw(st.booleans()):
                pools = (f"198.19.{number}.{low}/30" for low in (0, 4))
                peerings[domain]["nat"] = dict(zip(("primary", "secondary"), pools, strict=True))
    circuit = {
        "sku": "premium",
        "bandwidth": "1 Gbps",
        "peering_location": _LOCATIONS[number],
        **carrier,
        "peerings": peerings,
    }
    if draw(st.booleans()):
        link, phase = draw(st.sampled_from(["primary", "secondary"])), draw(st.sampled_from(["prepended", "drained"]))
        circuit["maintenance"] = {"link": link, "phase": phase}
    if draw(st.integers(0, 4)) == 0:
        circuit["provisioning"] = "deprovisioning"
    return circuit


@st.composite
def _networks(draw: st.DrawFn, number: int) -> Mapping:
    networks = {}
    for index in range(draw(st.integers(1, 2))):
        blocks = {"ipv4": f"10.{10 + number}.{index * 16}.0/20", "ipv6": f"2001:db8:{10 + number:x}:{index}::/64"}
        networks[_name(f"n{number}x", index)] = [blocks[family] for family in draw(_FAMILIES)]
    return networks


@st.composite
def _azure(draw: st.DrawFn, domains: set[str]) -> Mapping:
    azure: Mapping = {"region": "West Europe"}
    if "private" in domains:
        blocks = {"ipv4": "10.100.0.0/16", "ipv6": "2001:db8:100::/48"}
        azure["vnets"] = {_name("v", 0): [blocks[family] for family in draw(_FAMILIES)]}
        if draw(st.booleans()):
            azure["vnets"][_name("v", 1)] = {"prefixes": "10.101.0.0/16", "peered_with": _name("v", 0)}
        azure["gateway_instances"] = draw(st.integers(1, 2))
    if "microsoft" in domains:
        azure["services"] = {"weu-storage": "shipped"}
        if draw(st.booleans()):
            azure["services"][_name("s", 1)] = {"prefixes": "198.18.200.0/24", "communities": "12076:51002"}
    return azure


@st.composite
def _ipvpns(draw: st.DrawFn) -> Mapping:
    """Sites of two customers with the same addresses at up to three edges, which may face Microsoft too."""
    edges = [f"edge{number}" for number in range(draw(st.integers(1, 3)))]
    facing = draw(st.lists(st.sampled_from([*edges, "micro1", "micro2"]), min_size=1, max_size=2, unique=True))
    vpn = {"name": "customer", "distribution": draw(st.sampled_from(["full_mesh", "route_reflector"]))}
    provider = {"service": "layer3", "s_tag": 1034, "asn": 64700, "routers": facing, "vpn": vpn}
    circuit = draw(_circuit({"provider": provider}, facing, 0))
    said = {
        "name": "random",
        "connectivity_model": "any_to_any_ipvpn",
        "azure": draw(_azure(set(circuit["peerings"]))),
        "sites": draw(_sites("a", edges)),
        "peerings": circuit.pop("peerings"),
        "circuit": circuit,
    }
    if draw(st.booleans()):
        said["other_customers"] = {"another1": {"sites": draw(_sites("b", edges))}}
    return said


@st.composite
def _sites(draw: st.DrawFn, letter: str, edges: list[str]) -> Mapping:
    sites: Mapping = {}
    for number in range(draw(st.integers(1, 3))):
        routers = [_name(f"{letter}{number}r", one) for one in range(draw(st.integers(1, 2)))]
        networks = {f"{letter}{name}"[:12]: prefixes for name, prefixes in draw(_networks(number)).items()}
        access = {
            edge: {
                "to": draw(st.sampled_from(edges)),
                "subnet": _blocks(draw(_FAMILIES), 80 + 2 * number + index, public=False),
            }
            for index, edge in enumerate(routers)
        }
        asn = 65010 + number
        sites[f"{letter}{number}"] = {"asn": asn, "routers": routers, "networks": networks, "access": access}
    return sites
