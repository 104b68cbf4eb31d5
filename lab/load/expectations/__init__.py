"""What must hold: each expectation of a file against the names of its topology, and its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.errors import Mistake
from lab.expectations import Expectation
from lab.load.expectation_documents import ExpectDocument
from lab.load.expectations import dscp, failovers, losses, mtu, nat, packets, paths, routes, sessions
from lab.load.expectations.kind import Kind, Path
from lab.load.names import Names
from lab.load.source import SourceFile

KINDS: Mapping[str, Kind[Any]] = {
    "session": sessions.KIND,
    "route": routes.KIND,
    "no_route": routes.KIND,
    "reachable": packets.KIND,
    "unreachable": packets.KIND,
    "mtu": mtu.KIND,
    "nat": nat.KIND,
    "dscp": dscp.KIND,
    "path": paths.PATH,
    "symmetric": paths.SYMMETRIC,
    "failover": failovers.KIND,
    "loss": losses.KIND,
}
"""What there is to expect, by its key in a file."""


def check_expectation(item: ExpectDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    """Every name that the topology does not have, and every pair of keys that contradict each other."""
    for key in item.model_fields_set:
        yield from KINDS[key].check(getattr(item, key), (*path, key), names, source)


def to_expectation(item: ExpectDocument, where: str) -> Expectation:
    """The model of an expectation without mistakes."""
    (key,) = item.model_fields_set
    return KINDS[key].convert(getattr(item, key), key, where)
