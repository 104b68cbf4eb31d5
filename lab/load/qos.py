"""What a topology file says of quality of service: the checks of what no single value shows, and its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.errors import Mistake
from lab.expressroute.dscp import dscp_text, parse_dscp
from lab.load.names import unknown
from lab.load.places import (
    CircuitPlace,
    Path,
    TopologyReading,
    circuit_places,
    each_vrf,
    facing_routers,
    other_site_places,
    site_places,
)
from lab.load.qos_documents import MarkingRuleDocument, PacketMatchDocument, RouterQosDocument
from lab.load.queues import to_queues
from lab.load.source import SourceFile
from lab.marking import MarkingRule, PacketMatch, Remark
from lab.topology import Marking, RouterQos

_EVERYTHING = PacketMatchDocument.model_construct()


def check_qos(reading: TopologyReading) -> Iterator[Mistake]:
    """Marking is of routers that there are, and each of its rules is reached; a map of marks has each once."""
    uplinked = [router for circuit in circuit_places(reading) for router in facing_routers(reading, circuit) or (None,)]
    for site in (*site_places(reading), *other_site_places(reading)):
        for router in reading.keys(*site.path, "qos") or ():
            yield from _marking(reading, (*site.path, "qos", router))
            if None not in uplinked and router not in (*uplinked, *(reading.keys(*site.path, "access") or ())):
                yield from _no_uplink(reading, (*site.path, "qos", router))
    for circuit in circuit_places(reading):
        provider = (*circuit.path, "provider")
        yield from _of_provider(reading, circuit, (*provider, "qos"))
        yield from _remark(reading, (*provider, "remark"))


def _of_provider(reading: TopologyReading, circuit: CircuitPlace, path: Path) -> Iterator[Mistake]:
    """Only a provider that routes has routers which mark."""
    service = reading.part(*path[:-1], "service")
    if service == "layer2" and reading.keys(*path) is not None:
        what = "qos: a layer2 service has no routers"
        yield reading.source.mistake(path, what, "remark says what its line does to marks", at_key=True)
        return
    facing = facing_routers(reading, circuit)
    known = None if facing is None else tuple(dict.fromkeys((*facing, *(edge for _, edge in each_vrf(reading)))))
    for router in reading.keys(*path) or ():
        wrong = unknown(router, known, "provider's router")
        if wrong:
            yield reading.source.mistake((*path, router), *wrong, at_key=True)
        yield from _marking(reading, (*path, router))
        if facing is not None and router not in facing:
            yield from _no_uplink(reading, (*path, router))


def _no_uplink(reading: TopologyReading, router: Path) -> Iterator[Mistake]:
    """A direction is one of a router with a way to Microsoft of its own."""
    for index in range(reading.count(*router, "marking")):
        at = (*router, "marking", index, "match", "towards")
        if reading.part(*at) is not None:
            what = f"towards: {router[-1]} has no line to Microsoft or the provider"
            yield reading.source.mistake(at, what, "leave it out, and name prefixes")


def _marking(reading: TopologyReading, router: Path) -> Iterator[Mistake]:
    """Behind a rule about every packet, and behind one about the same packets, none is reached."""
    path, seen = (*router, "marking"), dict[str, int]()
    for index in range(reading.count(*path)):
        rule: MarkingRuleDocument | None = reading.part(*path, index)
        if rule is None:
            continue
        if str(_EVERYTHING) in seen:
            what = f"marking: rule {seen[str(_EVERYTHING)]} is about every packet, so rule {index + 1} is never reached"
            yield reading.source.mistake((*path, index), what, "the first that matches decides: put it last")
            return
        about = str(rule.match or _EVERYTHING)
        if about in seen:
            what = f"marking: rule {index + 1} is about the packets of rule {seen[about]}, so it is never reached"
            yield reading.source.mistake((*path, index), what, "the first that matches decides: leave one out")
        seen.setdefault(about, index + 1)


def _remark(reading: TopologyReading, path: Path) -> Iterator[Mistake]:
    """A mark may be written as a name or as a number, and is in a map once."""
    seen: dict[int, str] = {}
    for key in reading.keys(*path) or ():
        try:
            mark = parse_dscp(key)
        except ValueError:
            continue  # a mistake of the key itself
        if mark in seen:
            what = f"remark: {key} is the mark {seen[mark]}, which is here already"
            yield reading.source.mistake((*path, key), what, "write it once", at_key=True)
        seen.setdefault(mark, key)
        if reading.part(*path, key) == mark:
            what = f"remark: {dscp_text(mark)} stays what it is"
            yield reading.source.mistake((*path, key), what, "leave it out: it is kept then", at_key=True)


# conversion


def to_routers_qos(
    written: Mapping[str, RouterQosDocument] | None, path: Path, source: SourceFile
) -> tuple[tuple[str, RouterQos], ...]:
    """What single routers do, as the mapping at a path of a file says."""
    return tuple((router, _to_qos(qos, (*path, router), source)) for router, qos in (written or {}).items())


def _to_qos(qos: RouterQosDocument, path: Path, source: SourceFile) -> RouterQos:
    return RouterQos(
        queues=to_queues(qos.queues),
        marking=tuple(
            _to_marking(rule, source.where((*path, "marking", index))) for index, rule in enumerate(qos.marking or ())
        ),
    )


def _to_marking(rule: MarkingRuleDocument, where: str) -> Marking:
    match = rule.match or _EVERYTHING
    about = PacketMatch(
        protocol=match.protocol,
        sources=tuple(match.from_ or ()),
        destinations=tuple(match.to or ()),
        source_ports=tuple(match.source_ports or ()),
        destination_ports=tuple(match.destination_ports or ()),
        dscps=tuple(match.dscp or ()),
    )
    return Marking(rule=MarkingRule(match=about, dscp=rule.set, source=where), towards=match.towards)


def to_remark(written: Mapping[int, int] | None, path: Path, source: SourceFile) -> Remark | None:
    """What a provider makes of marks, as the mapping at a path of a file says."""
    return None if written is None else Remark(marks=tuple(written.items()), source=source.where(path))
