"""What the JSON reports have in common: the form of a document, routes, and what policies do with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from lab.bgp import AttributeChange, Route
from lab.policy import Outcome

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Object: TypeAlias = dict[str, Json]

_VERSIONS = {"plan": 2}
"""Of the kinds whose keys are not as they first were. Version 1 of a plan had one import and one export policy."""


def document(kind: str, **content: Json) -> str:
    """A document that names its kind and version."""
    return json.dumps(_named(kind, content), indent=2)


def document_line(kind: str, **content: Json) -> str:
    """A document on one line, of which there may be many."""
    return json.dumps(_named(kind, content))


def _named(kind: str, content: Object) -> Object:
    return {"schema": f"erlab/{kind}/{_VERSIONS.get(kind, 1)}", **content}


def route_object(route: Route, owner: str | None = None) -> Object:
    """A route; `owner` is the node that its next hop is of, where that is known."""
    return {
        "prefix": str(route.prefix),
        "next_hop": {"address": str(route.next_hop), "owner": owner},
        "origin": route.origin.value,
        "as_path": str(route.as_path),
        "local_pref": route.local_pref,
        "multi_exit_disc": route.multi_exit_disc,
        "communities": list(route.communities),
        "large_communities": list(route.large_communities),
        "extended_communities": list(route.extended_communities),
        "atomic_aggregate": route.atomic_aggregate,
        "aggregator": None if route.aggregator is None else str(route.aggregator),
        "originator_id": None if route.originator_id is None else str(route.originator_id),
        "cluster_list": list(map(str, route.cluster_list)),
        "unknown": list(map(str, route.unknown)),
        "rd": route.rd,
        "label": route.label,
        "weight": route.weight,
        "source": route.source.value,
        "vrf": route.vrf or None,
    }


def outcome_object(outcome: Outcome) -> Object:
    """What a policy or a chain did with a route, with every term that was tried."""
    return {
        "policy": outcome.policy,
        "accepted": outcome.accepted,
        "because": outcome.because,
        "steps": [
            {
                "policy": step.policy,
                "term": step.term,
                "name": step.name or None,
                "depth": step.depth,
                "matches": step.fate is not None,
                "fate": step.fate.value if step.fate else None,
                "conditions": [
                    {"text": one.text, "holds": one.holds, "because": one.because} for one in step.conditions
                ],
                "changes": [change_object(one) for one in step.changes],
            }
            for step in outcome.steps
        ],
    }


def change_object(change: AttributeChange) -> Object:
    """One attribute, before and after."""
    return {"attribute": change.attribute, "before": change.before or None, "after": change.after or None}
