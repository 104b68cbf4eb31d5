"""Expectations about the size of packets."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.expectations import MtuExpectation
from lab.load.expectation_documents.mtu import MtuDocument
from lab.load.expectations.kind import Kind, Path
from lab.load.expectations.packets import check_ends
from lab.load.names import Names, unknown
from lab.load.source import SourceFile


def _check(item: MtuDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    yield from check_ends(item, path, names, source)
    if names.routers is None:
        return
    known = [*(name for name in names.routers if name not in names.in_core), *names.links, item.from_]
    for index, name in enumerate(item.limited_by or ()):
        wrong = unknown(name, known, "place", plural="places")
        if wrong:
            yield source.mistake((*path, "limited_by", index), *wrong)


def _convert(item: MtuDocument, _key: str, where: str) -> MtuExpectation:
    return MtuExpectation(
        where=where,
        source=item.from_,
        destination=item.to,
        packet_bytes=item.bytes,
        limited_by=tuple(item.limited_by or ()),
        family=item.family,
        protocol=item.protocol,
        port=item.port or 0,
    )


KIND = Kind(check=_check, convert=_convert)
