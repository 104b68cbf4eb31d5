"""bird.conf, rendered from a router's plan.

    igp4, igp6        the connected networks, by which next hops are found
    master4, master6  the router's own networks and BGP's routes: its Loc-RIB; the best go to the kernel

Each session has a protocol of its own with its two filters. It keeps what it receives before policy and what it sends
after it, so that both can be shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import Counted, Family, MaxPrefix, Prefix, RemovePrivate, family_of
from lab.plan import BgpPlan, NodePlan, SessionPlan
from lab.vendors import Cannot
from lab.vendors.bird.filters import Filters, protocol_of

_OWN_PREFERENCE = 32768
"""Of own networks, whose weight that is with other vendors."""
_KERNEL_METRIC = 2048
"""Behind the kernel's own connected routes."""
_LARGEST_MED = 0xFFFFFFFF
_RETRY_S = 1
_FAMILIES = ((Family.IPV4, 4), (Family.IPV6, 6))
_CONTROL = frozenset(map(chr, range(32)))


class Configuration:
    """The text of bird.conf for a node, and what its plan asks for that BIRD cannot do."""

    def __init__(self, node: NodePlan, bgp: BgpPlan) -> None:
        self._node, self._bgp = node, bgp
        self._filters = Filters(node)
        self.cannot: list[Cannot] = []
        protocols = [line for session in bgp.sessions for line in self._session(session)]
        families = [line for family, version in _FAMILIES for line in self._family(family, version)]
        self.text = "\n".join([*self._first(), *families, *self._filters.lines, "", *protocols, ""])
        self.cannot += [*self._filters.cannot, *_cannot(node, bgp)]

    def _first(self) -> Iterator[str]:
        yield f"# BIRD 2 as {self._node.name}, made from its plan"
        yield "log stderr { warning, error, fatal, bug, auth, remote };"
        yield f"router id {self._bgp.router_id};"
        yield from (f"timeformat {what} iso long;" for what in ("base", "log", "protocol", "route"))
        yield "protocol device { scan time 5; }"
        if any(session.bfd for session in self._bgp.sessions):
            yield "protocol bfd { accept direct; }"

    def _family(self, family: Family, version: int) -> Iterator[str]:
        """The tables of a family, and what fills and empties them beside BGP."""
        kind = f"ipv{version}"
        yield ""
        yield f"{kind} table master{version};"
        yield f"{kind} table igp{version};"
        yield f"protocol direct direct{version} {{ check link; {kind} {{ table igp{version}; import all; }}; }}"
        own = [line for network in self._bgp.networks if family_of(network) is family for line in self._own(network)]
        if own:
            yield f"protocol static own{version} {{  # the networks that this router originates"
            yield "  check link;"
            made = f"bgp_origin = ORIGIN_IGP; preference = {_OWN_PREFERENCE}; accept;"
            yield f"  {kind} {{ table master{version}; import filter {{ {made} }}; }};"
            yield from own
            yield "}"
        limit = self._bgp.best_path.maximum_paths
        merged = f" merge paths on limit {limit};" if limit > 1 else ""
        yield f"protocol kernel kernel{version} {{"
        yield f"  metric {_KERNEL_METRIC};{merged}"
        yield f"  {kind} {{ table master{version}; import none; export filter {{ {self._for_the_kernel(family)} }}; }};"
        yield "}"

    def _own(self, network: Prefix) -> Iterator[str]:
        """An own network: while an interface in it is up, or always where none is in it."""
        interfaces = [
            one.name for one in self._node.interfaces if any(address.network == network for address in one.addresses)
        ]
        ways = " ".join(f'via "{name}"' for name in interfaces) or "unreachable"
        yield f"  route {network} {ways};"

    def _for_the_kernel(self, family: Family) -> str:
        """What the kernel is given: BGP's routes, but for those to connected networks."""
        connected = dict.fromkeys(
            str(address.network)
            for one in self._node.interfaces
            for address in one.addresses
            if family_of(address.ip) is family
        )
        but = f" && !(net ~ [{', '.join(connected)}])" if connected else ""
        return f"if source = RTS_BGP{but} then accept; reject;"

    def _session(self, session: SessionPlan) -> Iterator[str]:
        rules, best = session.rules, self._bgp.best_path
        yield ""
        yield f"protocol bgp '{protocol_of(session)}' {{"
        yield f"  local {session.local_address} as {session.local_asn};"
        yield f"  neighbor {session.peer_address} as {session.peer_asn};"
        yield f'  interface "{session.interface}";'
        yield f"  direct; check link; passive {_switch(on=session.passive)};"
        if rules.shutdown:
            yield "  disabled;"
        yield f"  hold time {session.hold_time_s};"
        wait_s = _RETRY_S
        if rules.max_prefix is not None and rules.max_prefix.restart_s is not None:
            wait_s = rules.max_prefix.restart_s
        yield f"  connect delay time {_RETRY_S}; connect retry time {_RETRY_S}; error wait time {wait_s}, {wait_s};"
        yield "  graceful restart off; long lived graceful restart off;"
        if session.md5 is not None:
            yield f"  password {_text(session.md5.value)};"
        if session.bfd is not None:
            intervals = (session.bfd.receive_interval_ms, session.bfd.transmit_interval_ms, session.bfd.multiplier)
            yield "  bfd {{ min rx interval {} ms; min tx interval {} ms; multiplier {}; }};".format(*intervals)
        yield "  allow local as;  # the filter counts"
        yield f"  med metric {_switch(on=best.always_compare_med)}; deterministic med on;"
        if best.missing_med_as_worst:
            yield f"  default bgp_med {_LARGEST_MED};"
        if rules.route_reflector_client:
            yield "  rr client;"
            if self._bgp.cluster_id is not None:
                yield f"  rr cluster id {self._bgp.cluster_id};"
        yield from self._channel(session)
        yield "}"

    def _channel(self, session: SessionPlan) -> Iterator[str]:
        version = session.local_address.version
        yield f"  ipv{version} {{"
        yield f"    table master{version}; igp table igp{version}; gateway recursive; preference 0;"
        yield "    import table on; export table on;"
        if version == 6:
            yield "    next hop prefer global;  # BIRD's neighbours may tell their link-local address, too"
        yield f"    import filter '{self._filters.of_import(session)}';"
        export, sets_next_hop = self._filters.of_export(session)
        yield f"    export filter '{export}';"
        if session.ebgp and not sets_next_hop:
            yield "    next hop self;"
        elif session.rules.next_hop_self and not session.ebgp:
            yield "    next hop self ebgp;"
            if sets_next_hop:
                what = f"{session.name}: a policy sets next hops, and BIRD's next hop self overrules it"
                self.cannot.append(Cannot(what=what, meant="leave out next_hop_self, or the policy's next_hop"))
        if session.rules.max_prefix is not None:
            yield f"    {_limit(session.rules.max_prefix)}"
        yield "  };"


def _cannot(node: NodePlan, bgp: BgpPlan) -> Iterator[Cannot]:
    """What no line of bird.conf says."""
    for aggregate in bgp.aggregates:
        what = f"the aggregate {aggregate.prefix}: BIRD 2 makes none"
        yield Cannot(what=what, meant="write the prefix as a network of the edge, or take another kind")
    if node.static_routes or bgp.leaked_networks or bgp.vrf is not None:
        yield Cannot(what="static routes and networks of other VRFs: not rendered for BIRD", meant="take another kind")
    for session in bgp.sessions:
        rules = session.rules
        for asked, what in (
            (rules.default_originate, "default_originate: BIRD sends no route that its table does not have"),
            (rules.as_override, "as_override: BIRD's filters exchange no AS number inside of a path"),
            (
                rules.remove_private_asns not in (None, RemovePrivate.ALL),
                "remove_private_asns: BIRD removes all private AS numbers or none",
            ),
            (rules.site_of_origin is not None, "site_of_origin: not rendered for BIRD"),
            (session.vpn, "VPN routes: BIRD has no such address family for a customer edge"),
        ):
            if asked:
                yield Cannot(what=f"{session.name}: {what}", meant="leave it out, or take another kind")
        if session.md5 is not None and not _quotable(session.md5.value):
            what = f"{session.name}: md5: BIRD's strings hold no quotation mark and no control character"
            yield Cannot(what=what, meant="take another key")


def _quotable(text: str) -> bool:
    return '"' not in text and _CONTROL.isdisjoint(text)


def _text(value: str) -> str:
    return f'"{value if _quotable(value) else ""}"'


def _switch(*, on: bool) -> str:
    return "on" if on else "off"


def _limit(limit: MaxPrefix) -> str:
    what = "receive" if limit.counted is Counted.RECEIVED else "import"
    action = "warn" if limit.warning_only else "disable" if limit.restart_s is None else "restart"
    return f"{what} limit {limit.limit} action {action};"
