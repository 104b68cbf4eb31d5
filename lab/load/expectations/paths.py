"""Expectations about the ways of packets."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.expectations import PathExpectation, SymmetricExpectation
from lab.load.expectation_documents.paths import FlowsDocument, PathDocument, SymmetricDocument
from lab.load.expectations.kind import Kind, Path
from lab.load.expectations.packets import check_ends
from lab.load.names import Names, unknown
from lab.load.source import SourceFile
from lab.packets import Protocol

_FLOWS = 8


def _check_path(item: PathDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    yield from check_ends(item, path, names, source)
    for key, edges in (("there", item.there), ("back", item.back)):
        if edges == []:
            yield source.mistake((*path, key), f"{key}: is empty", "name the edges on the way, or leave it out")
        for index, name in enumerate(edges or ()):
            wrong = unknown(name, names.edges, "edge")
            if edges is not None and name in edges[:index]:
                wrong = f"{key}: {name} stands twice", "a way crosses an edge once"
            if wrong:
                yield source.mistake((*path, key, index), *wrong)
    wrong = unknown(item.link, names.links, "link") if item.link is not None else None
    if wrong:
        yield source.mistake((*path, "link"), *wrong)


def flows_asked(item: FlowsDocument) -> int:
    """How many flows are sent."""
    return item.flows or (1 if item.protocol is Protocol.ICMP else _FLOWS)


def _path(item: PathDocument, _key: str, where: str) -> PathExpectation:
    return PathExpectation(
        where=where,
        source=item.from_,
        destination=item.to,
        there=None if item.there is None else tuple(item.there),
        back=None if item.back is None else tuple(item.back),
        link=item.link,
        flows=flows_asked(item),
        family=item.family,
        protocol=item.protocol,
        port=item.port or 0,
    )


def _symmetric(item: SymmetricDocument, _key: str, where: str) -> SymmetricExpectation:
    return SymmetricExpectation(
        where=where,
        source=item.from_,
        destination=item.to,
        flows=flows_asked(item),
        family=item.family,
        protocol=item.protocol,
        port=item.port or 0,
    )


PATH = Kind(check=_check_path, convert=_path)
SYMMETRIC: Kind[SymmetricDocument] = Kind(check=check_ends, convert=_symmetric)
