"""The shape of what a topology file says of routers that are containers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from lab.limits import MIB, Limits
from lab.load.forms import Document
from lab.load.scalars import parsed
from lab.texts import Wrong, shown

_MEMORY = re.compile(r"([1-9][0-9]{0,5}) ?(MiB|GiB)", re.ASCII)
_CPUS = re.compile(r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,2})?", re.ASCII)
_UNITS = {"MiB": MIB, "GiB": 1024 * MIB}
_LEAST_BYTES, _MOST_BYTES = 16 * MIB, 64 * 1024 * MIB
_LEAST_CPUS, _MOST_CPUS = 0.05, 256.0


def _amount(value: str) -> int:
    """An amount of memory in bytes."""
    found = _MEMORY.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is not an amount of memory", "a whole number and MiB or GiB, such as 128 MiB")
    amount_bytes = int(found[1]) * _UNITS[found[2]]
    if not _LEAST_BYTES <= amount_bytes <= _MOST_BYTES:
        raise Wrong(f"{shown(value)} is out of range", "from 16 MiB to 64 GiB")
    return amount_bytes


def _processors(value: str) -> float:
    """How many processors, of which there may be parts."""
    found = _CPUS.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is not a number of processors", "such as 0.5 or 2, with two decimals at most")
    if not _LEAST_CPUS <= float(value) <= _MOST_CPUS:
        raise Wrong(f"{shown(value)} is out of range", f"from {_LEAST_CPUS:g} to {_MOST_CPUS:g}")
    return float(value)


class ContainersDocument(Document):
    """What each router may take of the computer where it is a container (`--runtime docker`)."""

    memory: Annotated[int, parsed(_amount, pattern="^[0-9]+ ?(MiB|GiB)$", examples=["128 MiB"])] | None = Field(
        None, description="the most memory of a router, such as 128 MiB; the kernel kills one that takes more"
    )
    cpus: Annotated[float, parsed(_processors, numeric=True, examples=["0.5"])] | None = Field(
        None, description="the most processor time of a router, in processors, such as 0.5"
    )


def to_limits(written: ContainersDocument | None) -> Limits | None:
    """The model of what is written; None where nothing is."""
    if written is None or (written.memory is None and written.cpus is None):
        return None
    return Limits(memory_bytes=written.memory, cpus=written.cpus)
