r"""A customer whose private network reaches a service of Microsoft's by addresses of pools.

    hq --- ce1 --- msee1 --- ms --- svc
             \---- msee2 --/

One edge with two links, or, with a second edge `ce2` at the second link, joined to the first by a session of their own.
"""

from __future__ import annotations

from dataclasses import replace

from lab.bgp import Address, Family, parse_prefix
from lab.expectations import ReachabilityExpectation
from lab.forwarding import Flow
from lab.plan import Plan
from networks import OPEN, Net, policies

HQ, SVC = "10.1.0.0/24", "198.51.100.0/24"
HQ_HOST, SVC_HOST = "10.1.0.2", "198.51.100.2"
POOL, POOL_2 = "203.0.113.0/29", "203.0.113.8/29"
FLOW = Flow(source="hq", destination="svc", family=Family.IPV4)
FROM_POOL = ReachabilityExpectation(where="", source="hq", destination="svc", source_in=parse_prefix(POOL))
_POLICIES = policies(f"""
policies:
  nothing: [{{then: reject}}]
  pool: [{{match: {{prefix_list: {POOL}}}, then: accept}}]
  pool-2: [{{match: {{prefix_list: {POOL_2}}}, then: accept}}]
  service: [{{match: {{prefix_list: {SVC}}}, then: accept}}]
  preferred: [{{set: {{local_pref: 200}}, then: accept}}]
  deferred: [{{set: {{local_pref: 50}}, then: accept}}]
""")


def _microsoft(*, returns_by: str = "msee1") -> Net:
    """The service, and the edges; Microsoft prefers one of them for its answers."""
    net = Net()
    net.router("ce1", 65010, [POOL, POOL_2])
    for name, asn in (("msee1", 64601), ("msee2", 64602), ("ms", 8075)):
        net.router(name, asn, [SVC] if name == "ms" else [])
    for name in ("msee1", "msee2"):
        chosen = _POLICIES["preferred" if name == returns_by else "deferred"]
        net.session("ms", name, ms=replace(OPEN, import_policies=(chosen,)))
    net.host("hq", "ce1", HQ)
    net.host("svc", "ms", SVC)
    return net


def _link(net: Net, edge: str, msee: str, announced: str) -> Address:
    preferred = _POLICIES["preferred" if msee == "msee1" else "deferred"]
    rules = replace(OPEN, import_policies=(preferred,), export_policies=(_POLICIES[announced],))
    _, there = net.session(edge, msee, (Family.IPV4,), None, **{edge: rules})
    return there


def pool_per_link() -> Plan:
    """Each link has a pool of its own, which is announced there only."""
    net = _microsoft()
    _link(net, "ce1", "msee1", "pool")
    _link(net, "ce1", "msee2", "pool-2")
    net.nat("ce1", "msee1", POOL)
    net.nat("ce1", "msee2", POOL_2)
    return net.plan()


def common_pool(*, returns_by: str = "msee1", announced: str = "pool", exempt: tuple[str, ...] = ()) -> Plan:
    """Both links have the same pool, which is announced at both."""
    net = _microsoft(returns_by=returns_by)
    for msee in ("msee1", "msee2"):
        _link(net, "ce1", msee, announced)
        net.nat("ce1", msee, POOL, exempt)
    return net.plan()


def with_default_route() -> Plan:
    """An edge that sends to Microsoft what it has no other route to."""
    net = _microsoft()
    net.static("ce1", "0.0.0.0/0", _link(net, "ce1", "msee1", "pool"))
    net.nat("ce1", "msee1", POOL)
    return net.plan()


def untranslated() -> Plan:
    """Nothing is translated."""
    net = _microsoft()
    _link(net, "ce1", "msee1", "pool")
    _link(net, "ce1", "msee2", "pool")
    return net.plan()


def two_edges(*, returns_by: str) -> Plan:
    """The second link ends at a second edge, which translates to the same pool and knows no flow of the first."""
    net = _microsoft(returns_by=returns_by)
    net.router("ce2", 65010, [POOL])
    net.session("ce1", "ce2")
    _link(net, "ce1", "msee1", "pool")
    _link(net, "ce2", "msee2", "pool")
    net.nat("ce1", "msee1", POOL)
    net.nat("ce2", "msee2", POOL)
    return net.plan()
