"""FRR's configuration, as vtysh reads it (FRR 8.4 user guide): rendered from a router's plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.bgp import Counted, Family, MaxPrefix, Prefix, RemovePrivate, family_of
from lab.plan import BfdPlan, BgpPlan, NodePlan, SessionPlan
from lab.policy import SessionRules
from lab.vendors import Cannot
from lab.vendors.frr.route_maps import RouteMap, Where

_EVERYTHING = {Family.IPV4: "0.0.0.0/0 le 32", Family.IPV6: "::/0 le 128"}
_IP = {Family.IPV4: "ip", Family.IPV6: "ipv6"}
_CONNECTED = "connected-networks"
_GLOBAL = "global-next-hop"
_GLOBAL_NEXT_HOP = (f"route-map {_GLOBAL} permit 10", " set ipv6 next-hop prefer-global", "exit")
"""Of two next hops in IPv6 (RFC 2545 §3) the lab's routers use the global one."""
_LONGEST_DELAY_S = 600
_OWN_CONFIG = "leave it out, or give the router its own config"
CONNECT_RETRY_S = 2
"""Between two tries to connect: the ConnectRetryTimer (RFC 4271 §8.2.2), as the lab's own routers have it."""
_KEEPALIVES_A_HOLD_TIME = 3  # RFC 4271 §10
_REMOVE_PRIVATE: Mapping[RemovePrivate | None, str] = {
    RemovePrivate.ALL: "remove-private-AS all",
    RemovePrivate.REPLACE: "remove-private-AS all replace-AS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines of one context; `enter` are the lines that lead there from the top."""

    enter: tuple[str, ...] = ()
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A router's configuration: its lists and route maps, and then the blocks of everything else."""

    hostname: str
    lists: tuple[str, ...]
    maps: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """As a file. It may hold MD5 keys."""
        lines = ["frr defaults traditional", f"hostname {self.hostname}", "!", *self.lists, *self.maps, "!"]
        for block in self.blocks:
            lines += [*block.enter, *block.lines, *(["exit"] * len(block.enter)), "!"]
        return "\n".join(lines) + "\n"

    def changed_to(self, new: Configuration) -> str:
        """The lines that make a running router's configuration another one, without a state between the two.

        While the timer for route maps is long, nothing comes of their changes; with 0 all of it comes at once.
        """
        lines = [f"bgp route-map delay-timer {_LONGEST_DELAY_S}"]
        lines += [f"no {line}" for line in self.maps if line.startswith("route-map ")]
        lines += [f"no {line}" for line in self.lists if line not in new.lists]
        lines += [*(line for line in new.lists if line not in self.lists), *new.maps]
        before = {block.enter: block.lines for block in self.blocks}
        for block in new.blocks:
            old = before.get(block.enter, ())
            changes = [f"no {line}" for line in old if line not in block.lines]
            changes += [line for line in block.lines if line not in old]
            if changes:
                lines += [*block.enter, *changes, *(["exit"] * len(block.enter))]
        return "\n".join([*lines, "bgp route-map delay-timer 0"]) + "\n"


def configuration(node: NodePlan) -> Configuration:
    """The configuration of a router."""
    bgp, named = _bgp(node), dict[str, tuple[str, ...]]()
    maps = [one for session in bgp.sessions for one in _route_maps(session, named)]
    connected_lists, connected_maps = _connected_map(node)
    router = f"router bgp {bgp.asn}"
    blocks = [*_bfd_profiles(bgp), Block(enter=(router,), lines=tuple(_instance(node, bgp)))]
    blocks += [
        Block(enter=(router, f"address-family {family.value} unicast"), lines=tuple(_family(node, bgp, family)))
        for family in Family
    ]
    return Configuration(
        hostname=node.name,
        lists=tuple(dict.fromkeys([*(line for one in maps for line in one.lists), *connected_lists])),
        maps=(*(line for one in maps for line in one.maps), *_GLOBAL_NEXT_HOP, *connected_maps),
        blocks=tuple(blocks),
    )


def cannot(node: NodePlan) -> Iterator[Cannot]:
    """What FRR does not do, or otherwise than the plan means it."""
    bgp = _bgp(node)
    seen = set()
    for session in bgp.sessions:
        for one in _route_maps(session, {}):
            for refused in one.cannot:
                if refused not in seen:
                    seen.add(refused)
                    yield refused
        for what in _unlike(session.rules):
            yield Cannot(what=f"session with {session.neighbor}: {what}", meant=_OWN_CONFIG)
    if bgp.leaked_networks:
        yield Cannot(what="leaked_networks: the lab renders one VRF for FRR", meant=_OWN_CONFIG)
    if any(one.as_set for one in bgp.aggregates):
        what = "as_set: FRR gives such an aggregate no ATOMIC_AGGREGATE, against RFC 4271 §9.2.2.2"
        yield Cannot(what=what, meant=_OWN_CONFIG)


def _unlike(rules: SessionRules) -> Iterator[str]:
    if rules.max_prefix is not None and (rules.max_prefix.restart_s or 60) % 60:
        yield f"max_prefix: FRR waits whole minutes, and not {rules.max_prefix.restart_s} s"
    if rules.remove_private_asns is not None and rules.remove_private_asns not in _REMOVE_PRIVATE:
        yield f"remove_private_asns {rules.remove_private_asns.value}: FRR's plain form acts on wholly private paths"
    if rules.accept_blackhole:
        yield "accept_blackhole: FRR has no such option"
    if rules.site_of_origin is not None:
        yield "site_of_origin: FRR 8.4 has no such option"


def _bgp(node: NodePlan) -> BgpPlan:
    if node.bgp is None:
        raise ValueError(f"{node.name} is no router")
    return node.bgp


# policies


def _route_maps(session: SessionPlan, named: dict[str, tuple[str, ...]]) -> list[RouteMap]:
    """The route maps of a session."""
    found = []
    for policies, direction in ((session.rules.import_policies, "in"), (session.rules.export_policies, "out")):
        where = Where(
            neighbor=session.neighbor,
            peer_address=session.peer_address,
            family=session.family,
            importing=direction == "in",
            internal=not session.ebgp,
        )
        if policies:
            found.append(RouteMap(_map_name(session, direction), policies, where, named))
    return found


def _map_name(session: SessionPlan, direction: str) -> str:
    return f"{session.neighbor}-{session.family.value}-{direction}"


def _connected_map(node: NodePlan) -> tuple[list[str], list[str]]:
    """What of the connected networks is announced, where not all networks are such: lists and route maps."""
    lists: list[str] = []
    maps: list[str] = []
    for family in Family if _mixed(node) else ():
        own = [one for one in _connected(node) if family_of(one) is family]
        name = f"{_IP[family]} prefix-list {_CONNECTED}"
        lists += [*(f"{name} permit {one}" for one in own), f"{name} deny {_EVERYTHING[family]}"]
        maps += [f"route-map {_CONNECTED}-{family.value} permit 10"]
        maps += [f" match {_IP[family]} address prefix-list {_CONNECTED}", " set origin igp", "exit"]
    return lists, maps


def _connected(node: NodePlan) -> list[Prefix]:
    """The networks that an interface is in: they are announced while it is up."""
    connected = {address.network for interface in node.interfaces for address in interface.addresses}
    return [one for one in _bgp(node).networks if one in connected]


def _mixed(node: NodePlan) -> bool:
    return len(_connected(node)) < len(_bgp(node).networks)


# BGP


def _instance(node: NodePlan, bgp: BgpPlan) -> Iterator[str]:
    yield f"bgp router-id {bgp.router_id}"
    yield "bgp log-neighbor-changes"
    yield "no bgp default ipv4-unicast"
    yield "bgp graceful-restart-disable"
    yield "bgp deterministic-med"
    yield "bgp bestpath compare-routerid"
    if _mixed(node):
        yield "no bgp network import-check"
    for wanted, line in (
        (bgp.best_path.always_compare_med, "bgp always-compare-med"),
        (bgp.best_path.missing_med_as_worst, "bgp bestpath med missing-as-worst"),
        (bgp.best_path.multipath_relax, "bgp bestpath as-path multipath-relax"),
        (bgp.cluster_id is not None, f"bgp cluster-id {bgp.cluster_id}"),
    ):
        if wanted:
            yield line
    yield "coalesce-time 0"
    for session in bgp.sessions:
        yield from _neighbor(session)


def _neighbor(session: SessionPlan) -> Iterator[str]:
    at = f"neighbor {session.peer_address}"
    yield f"{at} remote-as {session.peer_asn}"
    yield f"{at} description {session.neighbor}"
    yield f"{at} update-source {session.local_address}"
    yield f"{at} timers {session.hold_time_s // _KEEPALIVES_A_HOLD_TIME} {session.hold_time_s}"
    yield f"{at} timers connect {CONNECT_RETRY_S}"
    yield f"{at} advertisement-interval 0"
    if session.md5 is not None:
        yield f"{at} password {session.md5.value}"
    if session.passive:
        yield f"{at} passive"
    if session.bfd is not None:
        yield f"{at} bfd profile {_profile(session.bfd)}"
    if session.rules.shutdown:
        yield f"{at} shutdown message {session.rules.shutdown}"


def _family(node: NodePlan, bgp: BgpPlan, family: Family) -> Iterator[str]:
    paths = bgp.best_path.maximum_paths
    lines = [f"maximum-paths {paths}", f"maximum-paths ibgp {paths}"]
    connected = _connected(node)
    if _mixed(node) and any(family_of(one) is family for one in connected):
        lines.append(f"redistribute connected route-map {_CONNECTED}-{family.value}")
    lines += [
        f"network {one}" for one in bgp.networks if family_of(one) is family and not (_mixed(node) and one in connected)
    ]
    lines += [
        f"aggregate-address {one.prefix}{' summary-only' if one.summary_only else ''}"
        for one in bgp.aggregates
        if family_of(one.prefix) is family
    ]
    for session in bgp.sessions:
        if session.family is family:
            at = f"neighbor {session.peer_address}"
            lines += [f"{at} {words}" for words in _options(session)]
    yield from lines


def _options(session: SessionPlan) -> Iterator[str]:
    """The options of a neighbour in its address family."""
    rules = session.rules
    for wanted, words in (
        (True, "activate"),
        (rules.next_hop_self, "next-hop-self"),
        (rules.route_reflector_client, "route-reflector-client"),
        (rules.allowas_in > 0, f"allowas-in {rules.allowas_in}"),
        (rules.as_override, "as-override"),
        (rules.default_originate, "default-originate"),
        (rules.remove_private_asns in _REMOVE_PRIVATE, _REMOVE_PRIVATE.get(rules.remove_private_asns, "")),
    ):
        if wanted:
            yield words
    if rules.max_prefix is not None:
        yield _max_prefix(rules.max_prefix)
    for policies, direction in ((rules.import_policies, "in"), (rules.export_policies, "out")):
        if policies:
            yield f"route-map {_map_name(session, direction)} {direction}"
        elif direction == "in" and not session.ebgp and session.family is Family.IPV6:
            yield f"route-map {_GLOBAL} in"


def _max_prefix(limit: MaxPrefix) -> str:
    words = f"maximum-prefix {limit.limit} {limit.warning_percent}"
    if limit.warning_only:
        words += " warning-only"
    elif limit.restart_s is not None:
        words += f" restart {limit.restart_s // 60}"
    return f"{words} force" if limit.counted is Counted.RECEIVED else words


# BFD


def _profile(bfd: BfdPlan) -> str:
    return f"bfd-{bfd.transmit_interval_ms}-{bfd.receive_interval_ms}-{bfd.multiplier}"


def _bfd_profiles(bgp: BgpPlan) -> list[Block]:
    return [
        Block(
            enter=("bfd", f"profile {_profile(bfd)}"),
            lines=(
                f"detect-multiplier {bfd.multiplier}",
                f"transmit-interval {bfd.transmit_interval_ms}",
                f"receive-interval {bfd.receive_interval_ms}",
            ),
        )
        for bfd in dict.fromkeys(session.bfd for session in bgp.sessions if session.bfd is not None)
    ]
