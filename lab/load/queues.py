"""The queues of a topology file's routers: the checks, and the model."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.expressroute.dscp import dscp_text
from lab.load.places import Path, TopologyReading, circuit_places, other_site_places, site_places
from lab.load.shaping_documents import QueueClassDocument, QueuesDocument
from lab.load.source import SourceFile
from lab.plan import Plan
from lab.plan.shaping import Unplaceable, interfaces_of_queues
from lab.shaping import QUEUE_LIMIT_MS, QueueClass, limit_bytes, rate_text
from lab.topology import QueuesTowards, Topology

OTHERS = "others"
"""The class of all packets that the file has no class for."""


def check_queues(reading: TopologyReading) -> Iterator[Mistake]:
    """Each mark is in one class, and the classes' rates fit into the rate of all together."""
    for path in _places(reading):
        item = reading.part(*path)
        if item is not None:
            classes = (*path, "classes")
            wrong = [
                m for name, one in item.classes.items() for m in _class(one, item, (*classes, name), reading.source)
            ]
            yield from wrong
            yield from _marks(item, classes, reading.source)
            if not wrong:
                yield from _rates(item, path, reading.source)


def _places(reading: TopologyReading) -> Iterator[Path]:
    """Where queues are written."""
    holders = [(*site.path, "qos") for site in (*site_places(reading), *other_site_places(reading))]
    holders += [(*circuit.path, "provider", "qos") for circuit in circuit_places(reading)]
    for holder in holders:
        for router in reading.keys(*holder) or ():
            for index in range(reading.count(*holder, router, "queues")):
                yield (*holder, router, "queues", index)


def _class(one: QueueClassDocument, item: QueuesDocument, path: Path, source: SourceFile) -> Iterator[Mistake]:
    """A class is strict or has a rate, and gets no more than there is."""
    if (one.strict is None) == (one.rate is None):
        what = "has no rate" if one.strict is None else "is strict and has a rate"
        yield source.mistake(path, f"{path[-1]}: {what}", "strict: 4 Mbps, or rate: 4 Mbps", at_key=True)
        return
    if one.strict is not None and one.dscp is None:
        what = f"{path[-1]}: all packets of no other class would go before those of the others"
        yield source.mistake((*path, "strict"), what, "name its marks with dscp, or give it a rate", at_key=True)
    if one.strict is not None and one.ceil is not None:
        yield source.mistake((*path, "ceil"), "ceil: strict is the most that it gets", "leave it out", at_key=True)
    if one.rate is not None and one.ceil is not None and not one.rate <= one.ceil <= item.rate:
        what = f"ceil: {rate_text(one.ceil)} is out of range"
        yield source.mistake((*path, "ceil"), what, f"from {rate_text(one.rate)} to {rate_text(item.rate)}")


def _marks(item: QueuesDocument, path: Path, source: SourceFile) -> Iterator[Mistake]:
    """No mark is in two classes, and only one class is without."""
    seen: dict[int | None, str] = {}
    for name, one in item.classes.items():
        for index, dscp in enumerate([None] if one.dscp is None else one.dscp):
            if dscp not in seen:
                seen[dscp] = name
            elif dscp is None:
                what = f"{name}: {seen[None]} takes all other packets already"
                yield source.mistake((*path, name), what, "name its marks with dscp", at_key=True)
            else:
                where = "here twice" if seen[dscp] == name else f"in {seen[dscp]} already"
                what = f"dscp: {dscp_text(dscp)} is {where}"
                yield source.mistake((*path, name, "dscp", index), what, "write it once")


def _rates(item: QueuesDocument, path: Path, source: SourceFile) -> Iterator[Mistake]:
    """The rates of the classes fit into that of all, and leave some for packets of no class."""
    left_bps = _left_bps(item)
    if left_bps < 0:
        what = f"classes: their rates are {rate_text(item.rate - left_bps)} together"
        yield source.mistake((*path, "classes"), what, f"{rate_text(item.rate)} at most: the rate of all", at_key=True)
    elif left_bps == 0 and all(one.dscp is not None for one in item.classes.values()):
        what = "classes: nothing is left for packets of no class"
        yield source.mistake((*path, "classes"), what, "give them less, or others a class without dscp", at_key=True)


def _left_bps(item: QueuesDocument) -> int:
    return item.rate - sum((one.strict or one.rate or 0) for one in item.classes.values())


def check_queue_places(reading: TopologyReading, topology: Topology, bare: Plan) -> Iterator[Mistake]:
    """Every queue is of an interface that there is, each once. `bare` is the plan without queues."""
    paths = {(str(path[-3]), path[-1]): path for path in _places(reading)}
    for place, found in interfaces_of_queues(bare, topology).items():
        if isinstance(found, Unplaceable):
            yield reading.source.mistake((*paths[place], "towards"), f"towards: {found.what}", found.meant)


# conversion


def to_queues(written: list[QueuesDocument] | None) -> tuple[QueuesTowards, ...]:
    """The model of queues without mistakes."""
    return tuple(
        QueuesTowards(towards=one.towards, rate_bps=one.rate, classes=tuple(_classes(one))) for one in written or ()
    )


def _classes(item: QueuesDocument) -> Iterator[QueueClass]:
    """The classes, that of all other packets last."""
    for name, one in sorted(item.classes.items(), key=lambda pair: pair[1].dscp is None):
        rate_bps = one.strict or one.rate or 0
        ceil_bps = rate_bps if one.strict else one.ceil or item.rate
        yield _to_class(name, tuple(one.dscp or ()), rate_bps, ceil_bps, one)
    if all(one.dscp is not None for one in item.classes.values()):
        yield _to_class(OTHERS, (), _left_bps(item), item.rate, None)


def _to_class(
    name: str, dscps: tuple[int, ...], rate_bps: int, ceil_bps: int, written: QueueClassDocument | None
) -> QueueClass:
    limit_ms = QUEUE_LIMIT_MS if written is None or written.limit is None else written.limit
    return QueueClass(
        name=name,
        dscps=dscps,
        rate_bps=rate_bps,
        ceil_bps=ceil_bps,
        strict=written is not None and written.strict is not None,
        limit_bytes=limit_bytes(rate_bps, limit_ms),
    )
