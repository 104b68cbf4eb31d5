"""What became of packets, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from lab.forwarding import Crossing, FlowResult
from lab.packets import Protocol
from lab.report.layout import aligned, counted


def probes(results: Iterable[FlowResult]) -> str:
    """What became of packets: their way there and back, their marks, and where they ended.

    Packets of a flow that fared alike are one row. Where one was translated, a column more has the sources that were
    seen; of several packets of a flow, the loss, the times and the marks at each node are told.
    """
    results = list(results)
    alike: dict[tuple[str, ...], int] = {}
    translated = any(result.translated for result in results)
    for result in results:
        row = _row(result, translated=translated)
        alike[row] = alike.get(row, 0) + 1
    several = len(alike) < len(results)
    rows = [[*row[:3], str(count) if several else "", *row[3:]] for row, count in alike.items()]
    seen = ["source seen"] if translated else []
    columns = ("fate", "packets", "dscp sent", "arrived", "way there", "way back")
    header = ("flow", "family", *columns, *seen, "stopped")
    lines = aligned(header, rows)
    if several:
        lines += ["", *_summaries(results)]
    return "\n".join([*lines, _total(results)])


def _row(result: FlowResult, *, translated: bool) -> tuple[str, ...]:
    flow = result.flow
    return (
        f"{flow.source} -> {flow.destination}",
        " ".join([flow.family.value, *([] if flow.protocol is Protocol.ICMP else [flow.protocol.value])]),
        fate(result),
        str(flow.dscp),
        "" if result.dscp is None else str(result.dscp),
        " ".join(result.forward),
        " ".join(result.backward),
        *([str(result.source_seen or "")] if translated else []),
        result.stopped,
    )


def _summaries(results: Sequence[FlowResult]) -> Iterator[str]:
    """What the packets of each flow show together."""
    for flow in dict.fromkeys(one.flow for one in results):
        own = [one for one in results if one.flow == flow]
        lost = sum(not one.answered for one in own)
        yield (
            f"{flow.source} -> {flow.destination} {flow.family.value}: {counted(len(own), 'packet')}, "
            f"{100 * lost / len(own):.1f} % lost{_times(own)}"
        )
        for way, text in (("there", _marks(own, lambda one: one.there)), ("back", _marks(own, lambda one: one.back))):
            yield from (f"  marks {way}: {one}" for one in text)


def _marks(results: Sequence[FlowResult], way: Callable[[FlowResult], tuple[Crossing, ...]]) -> Iterable[str]:
    """The marks at each node of a way, once for all packets that had the same."""
    return dict.fromkeys(", ".join(_mark(one) for one in way(result)) for result in results if way(result))


def _mark(one: Crossing) -> str:
    marks = dict.fromkeys(str(seen.dscp) for seen in (one.entered, one.left) if seen is not None)
    return f"{one.node} {' > '.join(marks)}"


def _times(results: Iterable[FlowResult]) -> str:
    times = [1000 * one.round_trip_s for one in results if one.round_trip_s is not None]
    if not times:
        return ""
    if len(times) == 1:
        return f"; round trip {times[0]:.2f} ms"
    return f"; round trip {min(times):.2f} to {max(times):.2f} ms, median {median(times):.2f} ms"


def _total(results: Sequence[FlowResult]) -> str:
    answered = sum(one.answered for one in results)
    return f"{answered} of {counted(len(results), 'packet')} answered{_times(results)}"


def fate(result: FlowResult) -> str:
    """What became of a packet, in a word or two."""
    if not result.sent:
        return "not sent"
    if not result.arrived:
        return "lost"
    return "answered" if result.answered else "not answered"


# traces


def traces(results: Iterable[FlowResult]) -> str:
    """Every way that packets went, node by node, and how many flows took it."""
    results = list(results)
    parts = []
    for family in dict.fromkeys(one.flow.family for one in results):
        own = [one for one in results if one.flow.family is family]
        ways: dict[tuple[object, ...], list[FlowResult]] = {}
        for one in own:
            ways.setdefault((one.forward, one.backward, one.marks, one.stopped), []).append(one)
        for number, alike in enumerate(ways.values(), start=1):
            parts.append("\n".join(_way(alike, number, len(ways), len(own))))
    return "\n\n".join([*parts, _total(results)])


def _way(alike: Sequence[FlowResult], number: int, ways: int, flows: int) -> Iterator[str]:
    one = alike[0]
    flow = one.flow
    which = f", way {number} of {ways}: {len(alike)} of {counted(flows, 'flow')}" if flows > 1 else ""
    yield (
        f"{flow.source} -> {flow.destination} {flow.family.value} {flow.protocol.value}{which}, "
        f"{fate(one)}{_times(alike)}"
    )
    rows = [*_rows("there", one.there), *_rows("back", one.back)]
    yield from aligned(("", "node", "in", "out", "dscp", "source", "target"), rows, indent="  ")
    if one.stopped:
        yield f"  {one.stopped}"


def _rows(way: str, crossings: Sequence[Crossing]) -> Iterator[list[str]]:
    for index, one in enumerate(crossings):
        seen = [end for end in (one.entered, one.left) if end is not None]
        yield [
            "" if index else way,
            one.node,
            one.entered.interface if one.entered else "",
            one.left.interface if one.left else "",
            _changed(str(end.dscp) for end in seen),
            _changed(str(end.source) for end in seen),
            _changed(str(end.target) for end in seen),
        ]


def _changed(values: Iterable[str]) -> str:
    """A value, or both where the node changed it."""
    return " > ".join(dict.fromkeys(values))
