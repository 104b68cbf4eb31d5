"""Every report as JSON: `schema` names the kind and its version, and no key is ever renamed within a version.

Keys of sessions are never in a document; `md5` only says whether there is one.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.checks import Finding, Outcome, Report, Verdict, key_of
from lab.errors import InputError, LabError, Mistake
from lab.explanation import AppliedRule, Candidate, Explanation, Export
from lab.limits import Limits
from lab.plan import BfdPlan, BgpPlan, NodePlan, Overlay, Plan, SessionPlan, Tagged, Vrf
from lab.plan.packet_limits import PacketLimit
from lab.policy import SessionRules
from lab.report.failover_json import failover_object
from lab.report.json_parts import Object, change_object, document, outcome_object
from lab.report.plan_changes import PlanChange, changes
from lab.report.plan_text import policies_of
from lab.report.qos_json import marking, queues, remark, wire
from lab.report.streams_json import trial_object
from lab.report.tables_json import TABLES, owned_route
from lab.rib import Because, Decision, Path
from lab.speakers import ForeignSpeaker
from lab.tables import Difference, LabTables

# tests


def report(report: Report) -> str:
    """Everything that one run showed."""
    return document(
        "test",
        topology=report.topology,
        exit_code=report.exit_code,
        summary={o.value: sum(v.outcome is o for v in report.verdicts) for o in Outcome},
        verdicts=[_verdict(one) for one in report.verdicts],
        model={
            "routes_compared": report.routes_compared,
            "not_compared": report.not_compared or None,
            "differences": [_difference(one) for one in report.differences],
            "contradicts": [one.expectation.where for one in report.contradicted],
        },
        failovers=[failover_object(one) for one in report.failovers],
        trials=[trial_object(one) for one in report.trials],
        fidelity=list(report.fidelity),
        notes=list(report.notes),
        started_monotonic_s=report.started_s,
        timings_s={name: round(time_s, 4) for name, time_s in report.timings_s},
    )


def _verdict(verdict: Verdict) -> Object:
    return {
        "where": verdict.expectation.where,
        "kind": key_of(verdict.expectation),
        "outcome": verdict.outcome.value,
        "expected": verdict.expected,
        "predicted": _finding(verdict.predicted),
        "observed": _finding(verdict.observed),
        "cause": verdict.cause or None,
    }


def _finding(finding: Finding) -> Object:
    return {"holds": finding.holds, "text": finding.text}


def _difference(difference: Difference) -> Object:
    return {
        "router": difference.router,
        "table": difference.table,
        "what": difference.what,
        "predicted": difference.predicted,
        "observed": difference.observed,
    }


# plans and predictions


def prediction(plan: Plan, tables: LabTables, verdicts: Iterable[Verdict] = ()) -> str:
    """All tables of all routers, and what the model says of each expectation."""
    return document(
        "prediction",
        topology=plan.name,
        unknown=plan.unmodelled or None,
        routers=[
            {"router": one.router, **{what.replace("-", "_"): read(one, plan) for what, read in TABLES.items()}}
            for one in (() if plan.unmodelled else tables.routers)
        ],
        verdicts=[_verdict(one) for one in verdicts],
    )


# plans


def plan(planned: Plan) -> str:
    """Every node and wire."""
    return document(
        "plan",
        topology=planned.name,
        nodes=[_node(one) for one in planned.nodes],
        policies=[{"name": p.name, "terms": len(p.terms), "source": p.source or None} for p in policies_of(planned)],
        wires=[wire(one) for one in planned.wires],
        cross_connects=[
            {"name": one.name, "ends": [_tagged(end) for end in one.ends], "remark": remark(one.remark)}
            for one in planned.cross_connects
        ],
        overlays=[_overlay(one) for one in planned.overlays],
        limits=_limits(planned.limits),
        fidelity=list(planned.fidelity),
    )


def _limits(limits: Limits | None) -> Object | None:
    return None if limits is None else {"memory_bytes": limits.memory_bytes, "cpus": limits.cpus}


def _overlay(overlay: Overlay) -> Object:
    return {
        "name": overlay.name,
        "label": overlay.label,
        "ends": [
            {"vrf": str(one.vrf), "core": one.core, "core_address": str(one.core_address)} for one in overlay.ends
        ],
    }


def _tagged(place: Tagged) -> Object:
    return {"port": str(place.port), "tags": list(place.tags), "outer_ethertype": place.outer_ethertype}


def _speaker(speaker: ForeignSpeaker) -> Object:
    return {"kind": speaker.kind.value, "config": speaker.config.file if speaker.config else None}


def _node(node: NodePlan) -> Object:
    return {
        "name": node.name,
        "role": node.role.value,
        "interfaces": [
            {
                "name": one.name,
                "addresses": [str(a) for a in one.addresses],
                "vlan": None if one.vlan is None else _tagged(one.vlan),
                "mtu_bytes": one.mtu_bytes,
                "description": one.description,
            }
            for one in node.interfaces
        ],
        "static_routes": [
            {"prefix": str(r.prefix), "next_hop": str(r.next_hop), "metric": r.metric} for r in node.static_routes
        ],
        "nat": [
            {"interface": one.interface, "pool": str(one.pool), "exempt": [str(prefix) for prefix in one.exempt]}
            for one in node.nat
        ],
        "source_filters": [
            {"interface": one.interface, "admitted": [str(prefix) for prefix in one.admitted]}
            for one in node.source_filters
        ],
        "marking": marking(node.marking),
        "queues": [queues(one) for one in node.queues],
        "packet_limit": None if node.packet_limit is None else _packet_limit(node.packet_limit),
        "speaker": None if node.speaker is None else _speaker(node.speaker),
        "bgp": None if node.bgp is None else _bgp(node.bgp),
    }


def _packet_limit(limit: PacketLimit) -> Object:
    return {
        "most_bytes": limit.most_bytes,
        "too_large": limit.too_large.value,
        "protocols": list(limit.protocols),
        "forwards_fragments": limit.forwards_fragments,
    }


def _bgp(bgp: BgpPlan) -> Object:
    return {
        "asn": bgp.asn,
        "router_id": str(bgp.router_id),
        "cluster_id": None if bgp.cluster_id is None else str(bgp.cluster_id),
        "maximum_paths": bgp.best_path.maximum_paths,
        "networks": [str(network) for network in bgp.networks],
        "leaked_networks": [{"prefix": str(one.prefix), "vrf": one.vrf} for one in bgp.leaked_networks],
        "aggregates": [
            {"prefix": str(one.prefix), "summary_only": one.summary_only, "as_set": one.as_set}
            for one in bgp.aggregates
        ],
        "best_path": {
            "always_compare_med": bgp.best_path.always_compare_med,
            "missing_med_as_worst": bgp.best_path.missing_med_as_worst,
            "multipath_relax": bgp.best_path.multipath_relax,
        },
        "vrf": None if bgp.vrf is None else _vrf(bgp.vrf),
        "sessions": [_session_plan(one) for one in bgp.sessions],
    }


def _vrf(vrf: Vrf) -> Object:
    return {
        "rd": vrf.rd,
        "label": vrf.label,
        "import_targets": list(vrf.import_targets),
        "export_targets": list(vrf.export_targets),
    }


def _session_plan(session: SessionPlan) -> Object:
    return {
        "session": session.name,
        "neighbor": session.neighbor,
        "family": session.carries,
        "interface": session.interface,
        "local_asn": session.local_asn,
        "local_address": str(session.local_address),
        "peer_asn": session.peer_asn,
        "peer_address": str(session.peer_address),
        "passive": session.passive,
        "hold_time_s": session.hold_time_s,
        "md5": session.md5 is not None,
        "bfd": None if session.bfd is None else _bfd_plan(session.bfd),
        "within_router": session.within_router,
        "import_policies": [policy.name for policy in session.rules.import_policies],
        "export_policies": [policy.name for policy in session.rules.export_policies],
        **_rules(session.rules),
    }


def _bfd_plan(bfd: BfdPlan) -> Object:
    return {
        "transmit_interval_ms": bfd.transmit_interval_ms,
        "receive_interval_ms": bfd.receive_interval_ms,
        "multiplier": bfd.multiplier,
    }


def _rules(rules: SessionRules) -> Object:
    """The rules of a session beside its policies."""
    limit = rules.max_prefix
    return {
        "next_hop_self": rules.next_hop_self,
        "remove_private_asns": rules.remove_private_asns.value if rules.remove_private_asns else None,
        "max_prefix": None
        if limit is None
        else {
            "limit": limit.limit,
            "counted": limit.counted.value,
            "warning_percent": limit.warning_percent,
            "warning_only": limit.warning_only,
            "restart_s": limit.restart_s,
        },
        "allowas_in": rules.allowas_in,
        "as_override": rules.as_override,
        "default_originate": rules.default_originate,
        "accept_blackhole": rules.accept_blackhole,
        "route_reflector_client": rules.route_reflector_client,
        "site_of_origin": rules.site_of_origin,
        "shutdown": rules.shutdown or None,
    }


def plan_difference(old: Plan, new: Plan) -> str:
    """What changed from one plan to another; of a key only that it did."""
    return document("plan-difference", changes=[_change(one) for one in changes(old, new)])


def _change(change: PlanChange) -> Object:
    kind = "changed" if change.before and change.after else "added" if change.after else "removed"
    shown = not change.secret
    return {
        "change": kind,
        "what": change.what,
        "before": change.before or None if shown else None,
        "after": change.after or None if shown else None,
        "secret": change.secret,
    }


# explanations


def explanation(plan: Plan, explained: Explanation) -> str:
    """Everything that a router did with one prefix."""
    decision = explained.decision
    return document(
        "explanation",
        router=explained.router,
        prefix=str(explained.prefix),
        because=(decision.because if decision else Because.NO_PATH).value,
        candidates=[_candidate(one, decision, plan, explained.router) for one in explained.candidates],
        exports=[_export(one, plan, explained.router) for one in explained.exports],
    )


def _candidate(candidate: Candidate, decision: Decision | None, plan: Plan, router: str) -> Object:
    path = candidate.path
    return {
        "session": candidate.session,
        "fate": _fate(path, decision),
        "refused": candidate.refused or None,
        "fault": candidate.fault or None,
        "rules": [_applied(one) for one in candidate.applied],
        "lost": _lost(path, decision),
        "received": None if candidate.received is None else owned_route(candidate.received, plan, router),
        "import_policy": None if candidate.outcome is None else outcome_object(candidate.outcome),
        "used": None if path is None else owned_route(path.route, plan, router),
    }


def _fate(path: Path | None, decision: Decision | None) -> str:
    if path is None:
        return "refused"
    if decision is not None and path == decision.best:
        return "best"
    return "multipath" if decision is not None and path in decision.multipath else "lost"


def _lost(path: Path | None, decision: Decision | None) -> Object | None:
    for lost in decision.lost if decision else ():
        if lost.path == path:
            return {"because": lost.because.value, "values": lost.values}
    return None


def _applied(applied: AppliedRule) -> Object:
    return {"rule": applied.rule, "changes": [change_object(one) for one in applied.changes]}


def _export(export: Export, plan: Plan, router: str) -> Object:
    return {
        "session": export.session,
        "refused": export.refused or None,
        "rules": [_applied(one) for one in export.applied],
        "export_policy": None if export.outcome is None else outcome_object(export.outcome),
        "route": None if export.route is None else owned_route(export.route, plan, router),
    }


# changes and mistakes


def applied(old: Plan, new: Plan, pending: Iterable[str]) -> str:
    """What a running lab was changed to, and what has not settled since."""
    return document("applied", changes=[_change(one) for one in changes(old, new)], pending=list(pending))


def mistakes(files: Iterable[str], found: Iterable[Mistake], problems: Iterable[str]) -> str:
    """Every mistake of the files that were checked, and what else is wrong with them."""
    return document("check", files=list(files), mistakes=[_mistake(m) for m in found], problems=list(problems))


def error(problem: LabError) -> str:
    """What stopped the command."""
    found = problem.mistakes if isinstance(problem, InputError) else ()
    return document(
        "error",
        exit_code=problem.exit_code,
        message=str(problem.args[0]) if problem.args else str(problem),
        mistakes=[_mistake(one) for one in found],
    )


def _mistake(mistake: Mistake) -> Object:
    return {
        "file": mistake.file,
        "line": mistake.line,
        "column": mistake.column,
        "what": mistake.what,
        "meant": mistake.meant or None,
    }
