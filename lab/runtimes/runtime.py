"""What a runtime is: how the supervisor has the nodes of a lab made, and what it asks of a router that runs.

Wires, tags, impairments, hosts and switches are the same in every runtime, since all of them are made from outside in
network namespaces that a runtime hands out. A runtime decides what a router lives in.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from lab.channel import Channel
from lab.plan import NodePlan, Plan


class Kind(Enum):
    """What a router lives in."""

    NETNS = "netns"
    DOCKER = "docker"


class RunningNode(Protocol):
    """A router that was started, and the channel to its node program."""

    @property
    def channel(self) -> Channel:
        """Speaks with the node program. It closes when that ends, however it ends."""

    @property
    def pid(self) -> int | None:
        """The process of the node program, where it is a child of the calling one."""

    def freeze(self) -> None:
        """Let it do nothing more, so that it says no farewell."""

    def kill(self) -> None:
        """End it on purpose, and wait until it has ended. Raises LabBroken where it does not."""

    def how_it_ended(self) -> str:
        """How it ended, as a sentence about the router; waits for what is about to end, a second at most."""

    def memory_kib(self) -> int | None:
        """The proportional memory of what it lives in; None where nobody can tell."""

    def last_words(self) -> str:
        """The last lines of its log."""


class Runtime(Protocol):
    """Makes the nodes of one lab. It is used by one thread."""

    def warm_up(self) -> None:
        """Do what takes time and needs no plan, while the command still reads its files."""

    def check(self, plan: Plan) -> tuple[str, ...]:
        """What a lab of this plan stands in for, one sentence each. Raises LabBroken where it cannot be run here."""

    def check_programs(self, plan: Plan) -> None:
        """Raise LabBroken where a plan takes a program that this computer lacks and no image has."""

    def make_nodes(self, plan: Plan) -> dict[str, int]:
        """A network namespace for each node, as open files. Nothing is in them but the loopback."""

    def start(self, node: NodePlan, *, again: bool) -> RunningNode:
        """Start the node program of a router. With `again` an earlier one has been the router in that namespace."""

    def close(self) -> None:
        """Remove all that it made and that does not end with this process. It may be called again."""
