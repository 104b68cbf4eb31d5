"""The kernel's routes of a daemon that leaves them alone."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lab.bgp import Address, Prefix, parse_prefix
from lab.node.kernel_routes import KernelRoutes

if TYPE_CHECKING:
    import pytest

AZURE, HQ = parse_prefix("10.100.0.0/16"), parse_prefix("10.10.0.0/16")
MSEE, CE = (ip_address("172.16.0.2"),), (ip_address("10.10.0.2"),)


class PlayedKernel:
    """It refuses what leads by a next hop in `unreachable`, and has the `routes` that it was given else."""

    def __init__(self) -> None:
        self.routes: dict[Prefix, tuple[Address, ...]] = {}
        self.unreachable: tuple[Address, ...] = ()
        self.asked: list[str] = []
        self._failed: list[tuple[str, int]] = []

    def route(self, prefix: Prefix, next_hops: Iterable[Address]) -> None:
        """Install a route."""
        self.asked.append(f"install {prefix}")
        if set(next_hops := tuple(next_hops)) & set(self.unreachable):
            self._failed.append((self.asked[-1], errno.ENETUNREACH))
        else:
            self.routes[prefix] = next_hops

    def remove_route(self, prefix: Prefix) -> None:
        """Remove a route."""
        self.asked.append(f"remove {prefix}")
        if self.routes.pop(prefix, None) is None:
            self._failed.append((self.asked[-1], errno.ESRCH))

    def flush(self) -> list[tuple[str, int]]:
        """What failed since the last call."""
        failed, self._failed = self._failed, []
        return failed


def test_what_the_kernel_refuses_is_told_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told as long as it is so, and logged once; what the kernel has taken is not asked of it again."""
    kernel = PlayedKernel()
    routes = KernelRoutes("ce1", kernel)
    kernel.unreachable = MSEE
    for _ in range(2):
        routes.bring_to({AZURE: MSEE, HQ: CE})
        assert routes.refused == ("install 10.100.0.0/16: Network is unreachable",)
    assert kernel.asked == ["install 10.100.0.0/16", "install 10.10.0.0/16", "install 10.100.0.0/16"]
    assert capsys.readouterr().err == "ce1: the kernel refused to install 10.100.0.0/16: Network is unreachable\n"

    kernel.unreachable = ()
    routes.bring_to({AZURE: MSEE, HQ: CE})
    assert (routes.refused, kernel.routes) == ((), {AZURE: MSEE, HQ: CE})


def test_a_refused_route_that_is_wanted_no_more_is_told_no_more() -> None:
    """That there is nothing to remove is no refusal."""
    kernel = PlayedKernel()
    routes = KernelRoutes("ce1", kernel)
    kernel.unreachable = MSEE
    routes.bring_to({AZURE: MSEE})
    routes.bring_to({})
    assert (routes.refused, kernel.routes) == ((), {})


def test_what_the_kernel_dropped_by_itself_is_given_to_it_again() -> None:
    """Nothing is asked of it otherwise, where the daemon wants what it wanted before."""
    kernel = PlayedKernel()
    routes = KernelRoutes("ce1", kernel)
    routes.bring_to({AZURE: MSEE})
    kernel.routes.clear()
    routes.bring_to({AZURE: MSEE})
    assert kernel.routes == {}  # the control: it is not known here
    routes.forget()
    routes.bring_to({AZURE: MSEE})
    assert kernel.routes == {AZURE: MSEE}
