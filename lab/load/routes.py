"""Routes that somebody gives: a YAML list, JSON of this project or of FRR, an MRT table dump, or words of a call.

What a file is shows in its first octets and, of JSON, in its keys; its name means nothing.
"""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import cast

from lab.bgp import Route
from lab.errors import InputError, Mistake
from lab.json_objects import WrongPlace
from lab.load.case_documents import RoutesDocument
from lab.load.cases import to_route
from lab.load.erlab_routes import erlab_routes, kind_of
from lab.load.json_source import JsonSource, parse_json
from lab.load.reading import MOST_MISTAKES, Reading, refusal
from lab.load.source import Node, SourceFile, parse
from lab.policy import NOWHERE, Context
from lab.policy.boundary import Sample
from lab.texts import shown
from lab.vendors.frr.routes import NO_COMMUNITIES, frr_routes, is_brief, is_frr

MAX_BYTES = 1_000_000_000
"""Of a file, and of what a compressed one holds: more than the whole Internet's table from some ten peers."""
MOST_FAULTS = 10
"""Of a dump that are told one by one."""
_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_LARGE = "give so many routes as JSON of erlab or FRR, or as an MRT dump"
_FORMS = "a YAML list of routes, erlab show or predict with --format json, show bgp json of FRR, or an MRT dump"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRoutes:
    """The routes of a file, which are read while they are gone through. That raises InputError where one is wrong.

    The context of each has the neighbour that it is from, by name or address, where the file says it.
    `notes` is what to know about them; it is whole once the last one was read.
    """

    routes: Iterator[Sample]
    notes: list[str] = field(default_factory=list)


def read_routes(path: str) -> GivenRoutes:
    """The routes of a file of any of the forms. Raises InputError."""
    content = _content(path)
    if _is_binary(content):
        notes: list[str] = []
        return GivenRoutes(routes=_mrt(content, path, notes), notes=notes)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = content[: problem.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        mistake = Mistake(file=path, line=line, column=column, what="the file is no UTF-8 text", meant=f"give {_FORMS}")
        raise InputError(f"{path}: cannot be read", (mistake,)) from None
    if text.lstrip()[:1] == "{":
        return _json(parse_json(text, path))
    routes = _yaml(_parsed(text, path))
    return GivenRoutes(routes=(Sample(route=route, context=NOWHERE) for route in routes))


def _parsed(text: str, path: str) -> SourceFile:
    """A YAML text; where it has too many values, with what to give instead."""
    try:
        return parse(text, path)
    except InputError as problem:
        large = tuple(
            replace(one, meant=_LARGE) if one.what.startswith("more than") else one for one in problem.mistakes
        )
        raise InputError(str(problem).splitlines()[-1], large) from None


# octets


def _content(path: str) -> bytes:
    try:
        content = _read(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory, not a file") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it") from None
    except (OSError, EOFError, zlib.error, ValueError) as problem:
        raise InputError(f"{path}: cannot be read: {problem}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: holds more than {MAX_BYTES // 1_000_000} MB, the most that is read")
    if not content.strip():
        raise InputError(f"{path}: the file is empty")
    return content


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if content.startswith(_GZIP):
        with gzip.open(BytesIO(content)) as unpacked:
            return unpacked.read(MAX_BYTES + 1)
    if content.startswith(_BZIP2):
        with bz2.open(BytesIO(content)) as unpacked:
            return unpacked.read(MAX_BYTES + 1)
    return content


def _is_binary(content: bytes) -> bool:
    """An MRT record begins with a time and a type (RFC 6396 §2): the type's first octet is 0."""
    return b"\0" in content[:12]


def _mrt(content: bytes, path: str, notes: list[str]) -> Iterator[Sample]:
    from lab.mrt import MrtError, read_mrt  # noqa: PLC0415  # only few calls need it

    reading = read_mrt(content)
    try:
        for entry in reading:
            yield Sample(route=entry.route, context=Context(peer_address=entry.peer_address))
    except MrtError as problem:
        raise InputError(f"{path}: {problem}") from None
    for kind, count in reading.skipped.items():
        notes.append(f"{path}: records of {kind}, passed over: {count}")
    for fault in reading.faults[:MOST_FAULTS]:
        fate = "left out" if fault.left_out else "without that attribute"
        notes.append(f"{path}: octet {fault.offset}: {fault.prefix} of {fault.peer_address} {fate}: {fault.text}")
    if len(reading.faults) > MOST_FAULTS:
        notes.append(f"{path}: and {len(reading.faults) - MOST_FAULTS} malformed entries more")


# texts


def _json(source: JsonSource) -> GivenRoutes:
    data: dict[str, object] = source.data
    if kind_of(data):
        return GivenRoutes(routes=_placed(erlab_routes(data), source))
    if not is_frr(data):
        raise source.refusal(WrongPlace((), "this JSON document holds no routes in a form that is known", _FORMS))
    try:
        notes = [f"{source.name}: {NO_COMMUNITIES}"] if is_brief(data) else []
    except WrongPlace as wrong:
        raise source.refusal(wrong) from None
    return GivenRoutes(routes=_placed(_frr(data, source.name, notes), source), notes=notes)


def _frr(data: dict[str, object], path: str, notes: list[str]) -> Iterator[Sample]:
    left_out: Counter[str] = Counter()
    yield from frr_routes(data, left_out)
    notes += [f"{path}: {what}, left out: {count}" for what, count in left_out.items()]


def _placed(routes: Iterator[Sample], source: JsonSource) -> Iterator[Sample]:
    try:
        yield from routes
    except WrongPlace as wrong:
        raise source.refusal(wrong) from None


def _yaml(source: SourceFile) -> list[Route]:
    if not isinstance(source.data, list):
        mistake = source.mistake((), "this is no list of routes", f"give {_FORMS}")
        raise InputError(f"{source.name}: cannot be read", (mistake,))
    root = Node(line=1, column=1, data={"routes": source.data}, entries={"routes": (source.root, source.root)})
    return _routes(SourceFile(name=source.name, root=root, mistakes=source.mistakes))


def _routes(source: SourceFile) -> list[Route]:
    reading = Reading(source, RoutesDocument)
    if reading.whole is None or reading.mistakes:
        raise refusal(source, tuple(islice(reading.mistakes, MOST_MISTAKES)))
    return [to_route(one) for one in reading.whole.routes]


# words of a call

_WORD = re.compile(r"""\s*([a-z_]+)=("[^"]*"|'[^']*'|[^\s"']*)(?=\s|$)""", re.ASCII)
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
_LISTS = ("communities", "large_communities", "extended_communities", "cluster_list")


def route_of(words: str, name: str = "--route") -> Route:
    """A route in the words of a call: `prefix=10.0.0.0/8 as_path="12076 65010" communities=no-export,65010:1`.

    Raises InputError with every mistake; the column of its place counts in the words.
    """
    root = Node(line=1, column=1, data={})
    at = 0
    while words[at:].strip():
        found = _WORD.match(words, at)
        if found is None:
            column = at + len(words[at:]) - len(words[at:].lstrip()) + 1
            what, meant = f"{words[column - 1 :]!r} is no attribute", 'write key=value, as_path="12076 65010", ...'
            raise _wrong_words(name, column, what, meant)
        key = found[1]
        if key in root.entries:
            raise _wrong_words(name, found.start(1) + 1, f"{key!r} is here twice")
        value = _value(key, found, name)
        root.entries[key] = (Node(line=1, column=found.start(1) + 1, data=key), value)
        cast("dict[str, object]", root.data)[key] = value.data
        at = found.end()
    routes = Node(line=1, column=1, data=[root.data], items=[root])
    whole = Node(line=1, column=1, data={"routes": [root.data]}, entries={"routes": (routes, routes)})
    return _routes(SourceFile(name=name, root=whole, mistakes=()))[0]


def _value(key: str, found: re.Match[str], name: str) -> Node:
    column = found.start(2) + 1
    written = found[2]
    if is_quoted := written[:1] in ("'", '"'):
        written, column = written[1:-1], column + 1
    if key in _LISTS:
        if any(one.isspace() for one in written.strip()):
            what, meant = f"{key}: {shown(written)} has blanks", f"separate with commas: {','.join(written.split())}"
            raise _wrong_words(name, column, what, meant)
        items = [Node(line=1, column=column, data=one.strip()) for one in written.split(",") if one]
        return Node(line=1, column=column, data=[one.data for one in items], items=items)
    is_number = not is_quoted and _NUMBER.fullmatch(written)
    return Node(line=1, column=column, data=int(written) if is_number else written)


def _wrong_words(name: str, column: int, what: str, meant: str = "") -> InputError:
    return InputError(f"{name}: cannot be read", (Mistake(file=name, line=1, column=column, what=what, meant=meant),))
