"""The kernel's routes of a daemon that leaves them alone: what the kernel has been given, and what it refuses.

What it refuses is asked of it again whenever the daemon is: by then a link may be up, or a next hop in reach.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Protocol

from lab.bgp import Address, Prefix

_ALREADY_GONE = (errno.ESRCH, errno.ENODEV)


class Kernel(Protocol):
    """What queues requests for the kernel: `lab.netlink.Netlink`."""

    def route(self, prefix: Prefix, next_hops: Iterable[Address]) -> None:
        """Queue a route in place of any other to the prefix, in the words `install PREFIX`."""

    def remove_route(self, prefix: Prefix) -> None:
        """Queue the removal of a route, in the words `remove PREFIX`."""

    def flush(self) -> list[tuple[str, int]]:
        """Send what is queued; returns what failed, in words, and its errno."""


class KernelRoutes:
    """Those of one router."""

    def __init__(self, router: str, kernel: Kernel) -> None:
        self._router, self._kernel = router, kernel
        self._given: dict[Prefix, tuple[Address, ...] | None] = {}  # None where the kernel may have another one or none
        self._refused: dict[str, str] = {}

    @property
    def refused(self) -> tuple[str, ...]:
        """What the kernel did not do when it was asked last, and why."""
        return tuple(f"{words}: {why}" for words, why in self._refused.items())

    def forget(self) -> None:
        """Take note that the kernel may have dropped routes by itself, as with an interface that went down."""
        self._given = dict.fromkeys(self._given)

    def bring_to(self, wanted: Mapping[Prefix, tuple[Address, ...]]) -> None:
        """Have the kernel's routes be these, as far as it allows; what it newly refuses goes to stderr."""
        asked: dict[str, Prefix] = {}
        for prefix in [one for one in self._given if one not in wanted]:
            del self._given[prefix]
            asked[f"remove {prefix}"] = prefix
            self._kernel.remove_route(prefix)
        for prefix, next_hops in wanted.items():
            if self._given.get(prefix) != next_hops:
                self._given[prefix] = next_hops
                asked[f"install {prefix}"] = prefix
                self._kernel.route(prefix, next_hops)
        before, self._refused = self._refused, {}
        for words, error in self._kernel.flush():
            if words.startswith("remove") and error in _ALREADY_GONE:
                continue
            self._given[asked[words]] = None
            self._refused[words] = os.strerror(error)
            if self._refused[words] != before.get(words):
                sys.stderr.write(f"{self._router}: the kernel refused to {words}: {self._refused[words]}\n")
