"""The default runtime: one network namespace per node, and a forked node program per router. It needs no root."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.channel import Channel, readable
from lab.codec import compile_codec
from lab.logs import Logs
from lab.messages import IN_EVERY_LAB
from lab.node import daemons, marking, nat, packet_limits
from lab.node.router import be_router
from lab.node_messages import NODE_KINDS
from lab.plan import NodePlan, Plan
from lab.processes import how_it_ended, memory_kib, processes_of_group, signal_part, start_part
from lab.runtimes import links
from lab.runtimes.namespaces import enter_network_namespace, make_room_for_daemons

_END_S = 1.0
LIMITS_NOT_IN_FORCE = "limits of memory and processors: not in force: routers are processes here, not containers"


class NamespaceRuntime:
    """Routers are children of the calling process, forked from it in their namespaces; so they end with it."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._namespaces: Mapping[str, int] = {}

    def warm_up(self) -> None:
        """Do once what every node would do at its start, so that a fork is ready at once and shares the memory."""
        from lab.node import program, speaker

        del program
        speaker.warm_up()
        for kind in IN_EVERY_LAB:
            compile_codec(kind)
        gc.collect()
        gc.freeze()

    def check(self, plan: Plan) -> tuple[str, ...]:
        """What stands in for something; raises LabBroken where a program is missing that the plan takes."""
        self.check_programs(plan)
        limits = () if plan.limits is None else (LIMITS_NOT_IN_FORCE,)
        return (_fidelity(), *packet_limits.fidelity(plan.nodes), *marking.fidelity(plan.nodes), *limits)

    def check_programs(self, plan: Plan) -> None:
        """Every program runs on this computer."""
        nat.check_program(plan.nodes)
        marking.check_program(plan.nodes)
        daemons.check_programs(plan.nodes)

    def make_nodes(self, plan: Plan) -> dict[str, int]:
        """A network namespace for each node."""
        self._namespaces = links.new_namespaces(node.name for node in plan.nodes)
        return dict(self._namespaces)

    def start(self, node: NodePlan, *, again: bool) -> RunningProcess:
        """Fork the node program of a router into its namespace."""
        if node.speaker is not None:
            make_room_for_daemons()
        ours, theirs = socket.socketpair()
        namespace = self._namespaces[node.name]

        def run_router() -> None:
            ours.close()
            enter_network_namespace(namespace)
            be_router(node, Channel(theirs, "the supervisor", NODE_KINDS), again=again)

        pid = start_part(node.name, self._logs.open(node.name), run_router)
        if node.speaker is not None:
            os.setpgid(pid, pid)  # as it does itself, for whoever ends it before it came to that
        theirs.close()
        return RunningProcess(
            name=node.name,
            pid=pid,
            channel=Channel(ours, f"the router {node.name}"),
            logs=self._logs,
            leads_group=node.speaker is not None,
        )

    def close(self) -> None:
        """Nothing outlives the calling process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningProcess:
    """A router's process. Whoever waits for any child of this process may have buried it.

    With `leads_group` it has daemons, in a process group of its own.
    """

    name: str
    pid: int
    channel: Channel
    logs: Logs
    leads_group: bool

    def freeze(self) -> None:
        """Stop the process, and its daemons."""
        signal_part(self.pid, signal.SIGSTOP, leads_group=self.leads_group)

    def kill(self) -> None:
        """Kill the process, and its daemons, and bury it."""
        signal_part(self.pid, signal.SIGKILL, leads_group=self.leads_group)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def how_it_ended(self) -> str:
        """How it ended, where nobody has buried it yet."""
        await_end(self.pid)
        how = "closed its channel"
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            how = how_it_ended(status) if pid else how
        return f"{self.what} {how}"

    @property
    def what(self) -> str:
        """What it is called where its end is told of."""
        return f"the router process of {self.name}"

    def memory_kib(self) -> int:
        """The proportional memory of the process, and of its daemons."""
        return sum(map(memory_kib, processes_of_group(self.pid) if self.leads_group else [self.pid]))

    def last_words(self) -> str:
        """The end of its log."""
        return self.logs.tail(self.name)


def await_end(pid: int) -> None:
    """Wait for a child that closed its channel, and so is about to end, to have an exit status."""
    with contextlib.suppress(ProcessLookupError):  # it was waited for already
        file = os.pidfd_open(pid)
        readable([file], _END_S)
        os.close(file)


def _fidelity() -> str:
    mapped_users = int(Path("/proc/self/uid_map").read_text(encoding="ascii").split()[2])
    who = "root" if mapped_users > 1 else "an ordinary user"
    return f"runtime: network namespaces of Linux {platform.release()}, started by {who}"
