"""Expectations about packets that arrive, or do not."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.expectations import ReachabilityExpectation
from lab.load.expectation_documents.packets import (
    EndsDocument,
    FamilyDocument,
    PacketsDocument,
    ReachableDocument,
    UnreachableDocument,
)
from lab.load.expectations.kind import Kind, Path, families_text
from lab.load.names import Names, unknown
from lab.load.source import SourceFile


def _check(item: PacketsDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    yield from check_ends(item, path, names, source)
    yield from _on_the_way(item, path, names, source)


def check_ends(item: EndsDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    """Both ends are networks, two of them, and have a family in common: that of the document, where it has one."""
    ends = ((item.from_, "from"), (item.to, "to"))
    missing = False
    for name, key in ends:
        wrong = unknown(name, names.networks, "network")
        if wrong:
            missing = True
            yield source.mistake((*path, key), *wrong)
    if item.from_ == item.to:
        yield source.mistake((*path, "to"), f"to: {item.to} is where the packets come from", "another network")
    elif names.networks is not None and not missing:
        common = names.networks[item.from_] & names.networks[item.to]
        family = item.family if isinstance(item, FamilyDocument) else None
        if not common:
            yield source.mistake(path, f"{item.from_} and {item.to} have no address family in common")
        elif family is not None and family not in common:
            what = f"family: {item.from_} and {item.to} have no {family.value} in common"
            yield source.mistake((*path, "family"), what, families_text(common))


def _on_the_way(item: PacketsDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    for index, name in enumerate((item.via or ()) if isinstance(item, ReachableDocument) else ()):
        wrong = unknown(name, names.edges, "edge")
        if wrong:
            yield source.mistake((*path, "via", index), *wrong)
    stopped_at = item.stopped_at if isinstance(item, UnreachableDocument) else None
    if stopped_at is not None and names.routers is not None:
        wrong = unknown(stopped_at, [name for name in names.routers if name not in names.in_core], "router")
        if wrong:
            yield source.mistake((*path, "stopped_at"), *wrong)


def _convert(asked: PacketsDocument, key: str, where: str) -> ReachabilityExpectation:
    via = asked.via if isinstance(asked, ReachableDocument) else None
    return ReachabilityExpectation(
        where=where,
        source=asked.from_,
        destination=asked.to,
        family=asked.family,
        dscp=asked.dscp,
        via=None if via is None else tuple(via),
        reachable=key == "reachable",
        source_in=asked.source_in if isinstance(asked, ReachableDocument) else None,
        stopped_at=asked.stopped_at if isinstance(asked, UnreachableDocument) else None,
        protocol=asked.protocol,
        port=asked.port or 0,
    )


KIND = Kind(check=_check, convert=_convert)
