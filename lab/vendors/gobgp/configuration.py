"""gobgpd's configuration of one router: its sessions, and our policies in its own language.

What GoBGP 3.10 does not do of itself is written as statements: that routes with NO_EXPORT and its like stay
(RFC 1997), that nothing passes between ASes without a policy (RFC 8212), next_hop_self.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import NO_ADVERTISE, NO_EXPORT, NO_EXPORT_SUBCONFED, Family, RemovePrivate
from lab.plan import BgpPlan, SessionPlan
from lab.policy import Policy
from lab.vendors.gobgp.conditions import Direction
from lab.vendors.gobgp.policies import statements_of
from lab.vendors.gobgp.statements import (
    Asks,
    Kind,
    Sets,
    Statement,
    set_next_hop,
    statement_lines,
    text,
    texts,
)

_FAMILIES = {Family.IPV4: "ipv4-unicast", Family.IPV6: "ipv6-unicast"}
_RETRY_S = 5  # the least that GoBGP 3.10 takes; it waits for up to twice as long


def configuration(bgp: BgpPlan) -> str:
    """The text of gobgpd.toml, which holds the keys of the sessions. Raises UnsaidTermError."""
    sets = Sets()
    definitions = [
        line
        for exports in (False, True)
        for session in bgp.sessions
        for line in _definition(Direction(session=session, exports=exports), sets)
    ]
    lines = [
        *_global(bgp),
        *(line for session in bgp.sessions for line in _neighbor(session)),
        *(line for session in bgp.sessions for line in _neighbor_set(session)),
        *sets.lines(),
        *definitions,
    ]
    return "\n".join(lines) + "\n"


def _global(bgp: BgpPlan) -> Iterator[str]:
    yield "[global.config]"
    yield f"as = {int(bgp.asn)}"
    yield f"router-id = {text(str(bgp.router_id))}"
    yield f"local-address-list = {texts(tuple(dict.fromkeys(str(one.local_address) for one in bgp.sessions)))}"
    yield "[global.route-selection-options.config]"
    yield "external-compare-router-id = true  # RFC 4271 §9.1.2.2 f; without it the oldest path wins"
    if bgp.best_path.always_compare_med:
        yield "always-compare-med = true"
    yield "[global.apply-policy.config]"
    for direction in ("import", "export"):
        names = tuple(_policy_name(one, direction) for one in bgp.sessions)
        yield f"{direction}-policy-list = {texts(names)}"
    yield 'default-import-policy = "accept-route"  # of own routes: those of a neighbour are decided above'
    yield 'default-export-policy = "reject-route"'


def _neighbor(session: SessionPlan) -> Iterator[str]:
    rules = session.rules
    yield "\n[[neighbors]]"
    yield f"config.neighbor-address = {text(str(session.peer_address))}"
    yield f"config.peer-as = {int(session.peer_asn)}"
    yield f"config.local-as = {int(session.local_asn)}"
    yield f"config.description = {text(session.name)}"
    if session.md5 is not None:
        yield f"config.auth-password = {text(session.md5.value)}"
    if rules.shutdown:
        yield "config.admin-down = true"
    if rules.remove_private_asns is not None:
        yield f"config.remove-private-as = {text(_REMOVED[rules.remove_private_asns])}"
    yield f"timers.config.hold-time = {session.hold_time_s}"
    yield f"timers.config.keepalive-interval = {max(1, session.hold_time_s // 3)}"
    yield f"timers.config.connect-retry = {_RETRY_S}"
    yield f"transport.config.local-address = {text(str(session.local_address))}"
    if session.passive:
        yield "transport.config.passive-mode = true"
    if rules.allowas_in:
        yield f"as-path-options.config.allow-own-as = {rules.allowas_in}"
    if rules.as_override:
        yield "as-path-options.config.replace-peer-as = true"
    yield "[[neighbors.afi-safis]]"
    yield f"config.afi-safi-name = {text(_FAMILIES[session.family])}"
    if rules.max_prefix is not None:
        yield f"prefix-limit.config.max-prefixes = {rules.max_prefix.limit}"
        yield f"prefix-limit.config.shutdown-threshold-pct = {rules.max_prefix.warning_percent}"


_REMOVED = {RemovePrivate.ALL: "all", RemovePrivate.REPLACE: "replace"}


def _neighbor_set(session: SessionPlan) -> Iterator[str]:
    yield "\n[[defined-sets.neighbor-sets]]"
    yield f"neighbor-set-name = {text(session.name)}"
    yield f"neighbor-info-list = {texts((str(session.peer_address),))}"


def _policy_name(session: SessionPlan, direction: str) -> str:
    return f"{session.name}-{direction}"


def _definition(where: Direction, sets: Sets) -> Iterator[str]:
    session, direction = where.session, "export" if where.exports else "import"
    yield "\n[[policy-definitions]]"
    yield f"name = {text(_policy_name(session, direction))}"
    for statement in _statements(where):
        named = f"{session.name} {direction}: {statement.name}"
        yield from statement_lines(statement, named, session.name, sets)
        if statement.disposition and not statement.asks:
            return  # no later one is ever asked


def _statements(where: Direction) -> Iterator[Statement]:
    """Everything that stands between the session and GoBGP's table, as the router of the lab has it."""
    rules = where.session.rules
    policies: tuple[Policy, ...] = rules.export_policies if where.exports else rules.import_policies
    if where.exports:
        yield Statement(name="RFC 1997", asks=(_withheld(where.session),), disposition="reject-route")
        if rules.next_hop_self and not where.session.ebgp:
            learned = Asks(kind=Kind.ROUTE_TYPE, members=("external",))
            yield Statement(name="next_hop_self", asks=(learned,), does=(set_next_hop("self"),))
    if policies:
        yield from statements_of(policies, where)
    passes = not policies and not where.session.ebgp  # RFC 8212
    yield Statement(name="end", disposition="accept-route" if passes else "reject-route")


def _withheld(session: SessionPlan) -> Asks:
    inside = (NO_ADVERTISE,)
    outside = (NO_EXPORT, NO_ADVERTISE, NO_EXPORT_SUBCONFED)
    members = outside if session.ebgp else inside
    name = "stays-in-the-as" if session.ebgp else "stays-here"
    return Asks(kind=Kind.COMMUNITY, name=name, members=tuple(map(str, members)))
