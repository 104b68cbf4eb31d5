"""Quality of service of a plan as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from lab.marking import MarkingRule, Remark
from lab.report.json_parts import Json, Object


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
