"""Expectations about the marks of packets."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.expectations import DscpExpectation
from lab.load.expectation_documents.dscp import DscpDocument
from lab.load.expectations.kind import Kind, Path
from lab.load.expectations.packets import check_ends
from lab.load.names import Names, unknown
from lab.load.source import SourceFile


def _check(item: DscpDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    yield from check_ends(item, path, names, source)
    if names.routers is None:
        return
    known = [*(name for name in names.routers if name not in names.in_core), *names.lines]
    for index, name in enumerate(item.rewritten_by or ()):
        wrong = unknown(name, known, "router or line", plural="routers and lines")
        if wrong:
            yield source.mistake((*path, "rewritten_by", index), *wrong)


def _convert(item: DscpDocument, _key: str, where: str) -> DscpExpectation:
    return DscpExpectation(
        where=where,
        source=item.from_,
        destination=item.to,
        sent=item.sent,
        arrives=item.arrives,
        rewritten_by=None if item.rewritten_by is None else tuple(item.rewritten_by),
        family=item.family,
        protocol=item.protocol,
        port=item.port or 0,
        source_port=item.source_port or 0,
    )


KIND = Kind(check=_check, convert=_convert)
