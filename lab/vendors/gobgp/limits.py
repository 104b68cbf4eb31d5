"""What of a router's plan GoBGP cannot do, or cannot be told."""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import Counted, MaxPrefix, RemovePrivate
from lab.plan import BgpPlan, NodePlan, SessionPlan
from lab.policy import Policy
from lab.vendors import Cannot
from lab.vendors.gobgp.conditions import Direction
from lab.vendors.gobgp.policies import unsaid_of

_OTHER_KIND = "leave it out, or choose another kind of router"


def cannot(node: NodePlan) -> Iterator[Cannot]:
    """Everything at once; nothing of a router with a configuration of its own, whose policies are not read."""
    if node.bgp is None or (node.speaker is not None and node.speaker.config is not None):
        return
    yield from (Cannot(what=f"{what}: GoBGP has no such thing", meant=_OTHER_KIND) for what in _of_router(node.bgp))
    seen: set[Cannot] = set()
    for session in node.bgp.sessions:
        for what in _of_session(session):
            yield Cannot(what=f"session with {session.neighbor}: {what}", meant=_OTHER_KIND)
        for one in _of_policies(session):
            if one not in seen:
                seen.add(one)
                yield one


def _of_router(bgp: BgpPlan) -> Iterator[str]:
    if bgp.leaked_networks:
        yield "leaked_networks"
    if bgp.aggregates:
        yield "aggregates"
    if bgp.best_path.missing_med_as_worst:
        yield "missing_med_as_worst"


def _of_session(session: SessionPlan) -> Iterator[str]:
    rules = session.rules
    if session.bfd is not None:
        yield "bfd: GoBGP does not speak it"
    if rules.default_originate:
        yield "default_originate: GoBGP has no such thing"
    if rules.accept_blackhole:
        yield "accept_blackhole: GoBGP puts no routes into the kernel, and discards nothing"
    if rules.route_reflector_client or rules.site_of_origin is not None:
        yield "GoBGP is a customer edge here, and no provider's router"
    if rules.max_prefix is not None:
        yield from _of_limit(rules.max_prefix)
    if rules.remove_private_asns is RemovePrivate.LEADING:
        yield "remove_private_asns leading: GoBGP removes all of them"
    if (rules.remove_private_asns is not None or rules.as_override) and any(map(_reads_path, rules.export_policies)):
        first = "GoBGP runs the policy last"
        yield f"remove_private_asns or as_override beside an export policy that reads or prepends AS paths: {first}"


def _of_limit(limit: MaxPrefix) -> Iterator[str]:
    if limit.counted is Counted.ACCEPTED:
        yield "max_prefix counted accepted: GoBGP counts what it received"
    if limit.warning_only:
        yield "max_prefix warning_only: GoBGP closes the session"
    elif limit.restart_s is not None:
        yield "max_prefix with a restart: GoBGP leaves the session closed (restart: never)"


def _reads_path(policy: Policy) -> bool:
    return any(
        term.match.as_path is not None
        or term.match.as_path_length is not None
        or bool(term.change.prepend)
        or (term.call is not None and _reads_path(term.call))
        for term in policy.terms
    )


def _of_policies(session: SessionPlan) -> Iterator[Cannot]:
    for exports in (False, True):
        policies = session.rules.export_policies if exports else session.rules.import_policies
        for problem in unsaid_of(policies, Direction(session=session, exports=exports)):
            name = problem.policy.terms[problem.number - 1].name
            term = f"term {problem.number}{f' ({name})' if name else ''}"
            what = f"policy '{problem.policy.name}': {term}: GoBGP has no words for {problem}"
            yield Cannot(what=what, meant=problem.meant, where=problem.policy.source)
