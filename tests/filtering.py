"""A customer with listed and unlisted networks behind an edge of Microsoft's that admits the listed sources alone.

    hq, dmz, ula, web --- ce1 --- msee1 --- svc, svc6

Every network is announced everywhere, so that nothing but the filter keeps packets back.
"""

from __future__ import annotations

from lab.bgp import Family
from lab.forwarding import Flow
from lab.plan import Plan
from networks import Net

NETWORKS = {"hq": "10.1.0.0/24", "dmz": "203.0.113.0/24", "ula": "fd00:1::/64", "web": "2001:db8:1::/64"}
SERVICES = {"svc": "198.51.100.0/24", "svc6": "2001:db8:2::/64"}
LISTED = (NETWORKS["dmz"], NETWORKS["web"])
POOL = "203.0.113.128/30"


def flow(source: str, destination: str) -> Flow:
    """Packets from one host to another."""
    family = Family.IPV6 if {source, destination} & {"ula", "web", "svc6"} else Family.IPV4
    return Flow(source=source, destination=destination, family=family)


def filtered(*listed: str, pool: str | None = None) -> Plan:
    """The plan where the edge admits these sources, and the customer translates to a pool where one is given."""
    net = Net()
    net.router("ce1", 65010, [*NETWORKS.values(), *([pool] if pool else [])])
    net.router("msee1", 12076, SERVICES.values())
    net.session("msee1", "ce1", Family)
    net.admit("msee1", "ce1", *listed)
    for router, hosts in (("ce1", NETWORKS), ("msee1", SERVICES)):
        for name, network in hosts.items():
            net.host(name, router, network)
    if pool:
        net.nat("ce1", "msee1", pool, [NETWORKS["dmz"]])
    return net.plan()
