"""Expectations about BGP sessions."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.expectations import SessionExpectation
from lab.load.expectation_documents.sessions import SessionDocument
from lab.load.expectations.kind import Kind, Path, families_text
from lab.load.names import Names, unknown
from lab.load.source import SourceFile
from lab.texts import did_you_mean


def _check(session: SessionDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    at = (*path, "between")
    wrong = [found for name in session.between if (found := unknown(name, names.routers, "router"))]
    for what, meant in wrong:
        yield source.mistake(at, what, meant)
    if wrong or names.routers is None:
        return
    one, other = session.between
    families = names.pairs.get(frozenset(session.between))
    if families is None:
        known = did_you_mean(other, names.neighbors_of(one), f"neighbours of {one}")
        yield source.mistake(at, f"{one} has no BGP session with {other}", known)
    elif session.family is not None and session.family not in families:
        what = f"{one} and {other} have no {session.family.value} session"
        yield source.mistake((*path, "family"), what, families_text(families))


def _convert(session: SessionDocument, _key: str, where: str) -> SessionExpectation:
    return SessionExpectation(where=where, routers=session.between, family=session.family, state=session.state)


KIND = Kind(check=_check, convert=_convert)
