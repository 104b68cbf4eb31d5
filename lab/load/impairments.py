"""The wires of a topology file that are worse than others: the checks, and the model."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.load.names import unknown
from lab.load.places import Path, TopologyReading, circuit_places
from lab.load.shaping_documents import ImpairmentDocument
from lab.load.source import SourceFile
from lab.plan import Plan
from lab.plan.shaping import unplaceable_impairments
from lab.shaping import Impairment
from lab.topology import CircuitLink, ImpairedWire, Topology, Towards

_KINDS = ("delay", "jitter", "loss", "rate", "frame_bytes")
_SIDES = tuple(side.value for side in Towards)


def check_impairments(reading: TopologyReading) -> Iterator[Mistake]:
    """Every entry names one wire, a direction of it if any, and something that happens there."""
    for index in range(reading.count("impairments")):
        path: Path = ("impairments", index)
        item = reading.part(*path)
        if item is not None:
            yield from _place(item, path, reading)
            yield from _direction(item, path, reading.source)
            yield from _effects(item, path, reading.source)


def _place(item: ImpairmentDocument, path: Path, reading: TopologyReading) -> Iterator[Mistake]:
    source = reading.source
    if (item.link is None) == (item.between is None):
        what = "names no wire" if item.link is None else "names two wires"
        yield source.mistake(path, f"impairments: {what}", "link: primary, or between: ce1 - hq")
        return
    names = [circuit.name for circuit in circuit_places(reading)]
    if item.between is not None:
        if item.circuit is not None:
            yield source.mistake((*path, "circuit"), "circuit: is that of a link", "leave it out", at_key=True)
        if item.between[0] == item.between[1]:
            yield source.mistake((*path, "between"), f"between: {item.between[0]} is both", "two nodes")
    elif item.circuit is None and len(names) > 1:
        meant = f"circuit: {' or '.join(names)}"
        yield source.mistake(path, "impairments: it is not said of which circuit the link is", meant)
    elif item.circuit is not None:
        one_only = ("circuit: there is one only", "leave it out") if names == [""] else None
        wrong = one_only or unknown(item.circuit, names, "circuit")
        if wrong:
            yield source.mistake((*path, "circuit"), *wrong)


def _direction(item: ImpairmentDocument, path: Path, source: SourceFile) -> Iterator[Mistake]:
    ends = _SIDES if item.link is not None else item.between
    if item.towards is not None and ends is not None and item.towards not in ends:
        what = f"towards: {item.towards} is no end of it"
        yield source.mistake((*path, "towards"), what, f"{' or '.join(ends)}, or leave it out for both ways")


def _effects(item: ImpairmentDocument, path: Path, source: SourceFile) -> Iterator[Mistake]:
    if not any(getattr(item, key) for key in _KINDS):
        yield source.mistake(path, "impairments: nothing happens to the packets", f"give {', '.join(_KINDS)}")
    if (item.jitter or 0) > (item.delay or 0):
        what = f"jitter: {item.jitter:g} ms is more than the delay"
        yield source.mistake((*path, "jitter"), what, "no packet arrives before it was sent: give a longer delay")


def check_wires(source: SourceFile, topology: Topology, bare: Plan) -> Iterator[Mistake]:
    """Every impairment is of a wire that there is, each once. `bare` is the plan without impairments."""
    for index, one in unplaceable_impairments(bare, topology).items():
        path: Path = ("impairments", index)
        key = ("between",) if isinstance(topology.impairments[index].wire, tuple) else ()
        yield source.mistake((*path, *key), one.what, one.meant)


# conversion


def to_impairments(written: list[ImpairmentDocument] | None) -> tuple[ImpairedWire, ...]:
    """The model of impairments without mistakes."""
    return tuple(_to_wire(one) for one in written or ())


def _to_wire(one: ImpairmentDocument) -> ImpairedWire:
    link = None if one.link is None else CircuitLink(circuit=one.circuit or "", link=one.link)
    wire = link or one.between
    if wire is None:
        raise ValueError("an impairment without a wire")
    return ImpairedWire(
        wire=wire,
        towards=Towards(one.towards) if link and one.towards else one.towards,
        impairment=Impairment(
            delay_ms=one.delay or 0.0,
            jitter_ms=one.jitter or 0.0,
            loss_percent=one.loss or 0.0,
            rate_bps=one.rate,
            frame_bytes=one.frame_bytes,
        ),
    )
