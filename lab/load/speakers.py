"""What a topology file says of the programs at customer edges: the configurations that users wrote for them."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.errors import Mistake
from lab.load.customer_documents import SpeakerDocument
from lab.load.places import TopologyReading, other_site_places, peering_places, site_places
from lab.load.source import regular
from lab.plan import Plan
from lab.secret import Secret
from lab.speakers import ForeignSpeaker, OwnConfig, SpeakerKind
from lab.vendors.every import VENDORS

MAX_BYTES = 1_000_000
"""Of one configuration."""


class OwnConfigs:
    """The configurations that a topology file names, and every mistake in what it says of them."""

    def __init__(self, reading: TopologyReading) -> None:
        self.mistakes: list[Mistake] = []
        self._texts: dict[str, OwnConfig] = {}
        directory, named = reading.source.directory, Path(reading.source.name).parent
        for site in (*site_places(reading), *other_site_places(reading)):
            for edge in reading.keys(*site.path, "speakers") or ():
                at = (*site.path, "speakers", edge)
                written = reading.part(*at, "config")
                if written is None:
                    continue
                if reading.part(*at, "kind") is SpeakerKind.EXABGP:
                    what = f"config: {edge} is the lab's own router, which has no configuration file"
                    self.mistakes.append(
                        reading.source.mistake((*at, "config"), what, "leave it out, or name another kind", at_key=True)
                    )
                    continue
                self.mistakes += _without_effect(reading, (*site.path, "bgp", edge), edge)
                file = os.path.normpath(named / written)
                try:
                    self._texts[written] = OwnConfig(file=file, text=Secret(_read(directory / written)))
                except (OSError, ValueError) as problem:
                    why = problem.strerror if isinstance(problem, OSError) else str(problem)
                    self.mistakes.append(reading.source.mistake((*at, "config"), f"config: {file}: {why}"))
                for _, _, peering in peering_places(reading):
                    for key in ("policies", "customer_md5"):
                        self.mistakes += _without_effect(reading, (*peering, key, edge), edge)

    def of(self, written: str) -> OwnConfig:
        """The configuration that the file calls by this name, where it had no mistake. Raises KeyError."""
        return self._texts[written]


def _without_effect(reading: TopologyReading, path: tuple[str | int, ...], edge: str) -> Iterator[Mistake]:
    """What is said of an edge that is configured by a file of its own."""
    if edge in (reading.keys(*path[:-1]) or ()):
        what = f"{path[-2]}: {edge} has a configuration of its own, which this would not change"
        yield reading.source.mistake(path, what, "leave it out, or leave out config", at_key=True)


def _read(path: Path) -> str:
    """The text of a configuration. Raises OSError, or ValueError where it cannot be one."""
    with open(path, "rb", opener=regular) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"holds more than {MAX_BYTES // 1_000_000} MB")
    if not content.strip():
        raise ValueError("the file is empty")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the file is no UTF-8 text") from None
    if "\0" in text:
        raise ValueError("the file is no text")
    return text


def check_vendors(reading: TopologyReading, plan: Plan) -> Iterator[Mistake]:
    """What the plan asks of a router that its vendor's daemon does not do."""
    for site in (*site_places(reading), *other_site_places(reading)):
        for edge in reading.keys(*site.path, "speakers") or ():
            node = plan.node(edge)
            vendor = None if node.speaker is None else VENDORS[node.speaker.kind]
            for one in vendor.cannot(node) if vendor else ():
                where = f" ({one.where})" if one.where else ""
                what = f"{edge} as {vendor.name}: {one.what}{where}" if vendor else ""
                yield reading.source.mistake((*site.path, "speakers", edge), what, one.meant, at_key=True)


def to_speakers(
    written: Mapping[str, SpeakerDocument] | None, configs: OwnConfigs
) -> tuple[tuple[str, ForeignSpeaker], ...]:
    """The edges that are another vendor's daemon."""
    return tuple(
        (edge, ForeignSpeaker(kind=one.kind, config=None if one.config is None else configs.of(one.config)))
        for edge, one in (written or {}).items()
        if one.kind is not SpeakerKind.EXABGP
    )
