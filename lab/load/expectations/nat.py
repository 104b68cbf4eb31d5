"""Expectations about the translation of sources."""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import Family
from lab.errors import Mistake
from lab.expectations import NatExpectation
from lab.load.expectation_documents.nat import TranslatedDocument
from lab.load.expectations.kind import Kind, Path, families_text
from lab.load.expectations.packets import check_ends
from lab.load.expectations.paths import flows_asked
from lab.load.names import Names, unknown
from lab.load.source import SourceFile


def _check(item: TranslatedDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    wrong_ends = [*check_ends(item, path, names, source)]
    yield from wrong_ends
    if item.pool.version != 4:
        yield source.mistake(
            (*path, "pool"), f"pool: {item.pool} is of IPv6, which is not translated", "an IPv4 prefix"
        )
    elif names.networks is not None and not wrong_ends:
        common = names.networks[item.from_] & names.networks[item.to]
        if Family.IPV4 not in common:
            what = f"{item.from_} and {item.to} have no ipv4 in common, and IPv6 is not translated"
            yield source.mistake(path, what, families_text(common))
    if names.routers is None:
        return
    known = [name for name in names.routers if name not in names.in_core]
    for index, name in enumerate(item.at or ()):
        wrong = unknown(name, known, "router")
        if wrong:
            yield source.mistake((*path, "at", index), *wrong)


def _convert(item: TranslatedDocument, _key: str, where: str) -> NatExpectation:
    return NatExpectation(
        where=where,
        source=item.from_,
        destination=item.to,
        pool=item.pool,
        at=tuple(item.at or ()),
        flows=flows_asked(item),
        protocol=item.protocol,
        port=item.port or 0,
    )


KIND = Kind(check=_check, convert=_convert)
