"""Quality of service of a plan as JSON: marks, queues, and wires that are worse than others."""

from __future__ import annotations

from collections.abc import Iterable

from lab.marking import MarkingRule, Remark
from lab.plan import Wire
from lab.report.json_parts import Json, Object
from lab.shaping import UNIMPAIRED, Impairment, Queues


def marking(rules: Iterable[MarkingRule]) -> list[Json]:
    """The rules by which a node marks, in order; `dscp` is null where it drops, and an empty list asks nothing."""
    return [_rule(one) for one in rules]


def _rule(one: MarkingRule) -> Object:
    match = one.match
    return {
        "protocol": match.protocol.value if match.protocol else None,
        "from": [str(prefix) for prefix in match.sources],
        "to": [str(prefix) for prefix in match.destinations],
        "source_ports": [str(ports) for ports in match.source_ports],
        "destination_ports": [str(ports) for ports in match.destination_ports],
        "dscps": list(match.dscps),
        "enters_by": list(one.enters_by),
        "leaves_by": list(one.leaves_by),
        "dscp": one.dscp,
        "source": one.source or None,
    }


def remark(one: Remark | None) -> Json:
    """A map of marks, from number to number; null where there is none."""
    return None if one is None else {str(before): after for before, after in one.marks}


def wire(one: Wire) -> Object:
    """A wire; its impairments are those of what each end sends, null where it has none."""
    impairments = [_impairment(of) for of in one.impairments] if one.impaired else None
    return {"name": one.name, "ends": [str(end) for end in one.ends], "impairments": impairments}


def _impairment(one: Impairment) -> Json:
    if one == UNIMPAIRED:
        return None
    return {
        "delay_ms": one.delay_ms,
        "jitter_ms": one.jitter_ms,
        "loss_percent": one.loss_percent,
        "rate_bps": one.rate_bps,
    }


def queues(one: Queues) -> Object:
    """How an interface sends; the class without `dscps` is that of all other marks."""
    return {
        "interface": one.interface,
        "rate_bps": one.rate_bps,
        "classes": [
            {
                "name": cls.name,
                "dscps": list(cls.dscps),
                "strict": cls.strict,
                "rate_bps": cls.rate_bps,
                "ceil_bps": cls.ceil_bps,
                "limit_bytes": cls.limit_bytes,
            }
            for cls in one.classes
        ],
    }
