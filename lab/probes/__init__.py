"""The prober: a process that asks the lab questions with packets, and reads the kernel's own routes.

Packets are sent by the kernels of their sources, and captured in every host and router of the lab: a flow's path, its
marks and the place where it ended are seen, not inferred. What is rare is read with scapy, and routes with pyroute2.
Both libraries take a third of a second to import: the prober is a process of its own, started first.
"""

from __future__ import annotations

import os
import traceback

from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.messages import Fibs, Message, Observe, ReadFibs
from lab.plan import Plan
from lab.probes.captures import Captures
from lab.probes.kernel_routes import read_fib
from lab.probes.sightings import RUN_ID_BYTES
from lab.probes.sweeps import Sweeper
from lab.probes.tracing import Tracer
from lab.questions.control import Broken
from lab.questions.packets import AskAll, AskedAll, Probe, Probed
from lab.runtimes.namespaces import enter_network_namespace
from lab.tables import RouterFib

_IDLE_S = 5.0
"""Who has asked nothing for so long has the time for scapy to be imported."""


def run(supervisor: Channel, *, asked_soon: bool) -> None:
    """Serve the supervisor until it is gone. With `asked_soon` there will be a question as soon as the lab is up."""
    import pyroute2.netlink.rtnl.rtmsg

    del pyroute2
    ready = asked_soon
    if ready:
        _import_scapy()
    lab: _Prober | None = None
    try:
        while True:
            if not ready and not supervisor.wait(_IDLE_S):
                _import_scapy()
                ready = True
            for message in supervisor.receive():
                if isinstance(message, Observe):
                    lab = _Prober(message.plan, supervisor.fds)
                elif lab is not None:
                    supervisor.send(_answer(lab, message))
    except ChannelClosed:
        return


def _import_scapy() -> None:
    import scapy.layers.inet6

    del scapy


def _answer(lab: _Prober, message: Message) -> Message:
    """The answer to one request. A fault costs one answer, not a running lab."""
    try:
        return lab.answer(message)
    except LabBroken as problem:
        return Broken(reason=str(problem))
    except Exception as problem:  # noqa: BLE001
        traceback.print_exc()
        return Broken(reason=f"the prober failed at {type(message).__name__}: {problem!r}")


class _Prober:
    def __init__(self, plan: Plan, namespaces: list[int]) -> None:
        visible = [node.name for node in plan.nodes if not node.is_switch]
        self._plan = plan
        self._namespaces = dict(zip(visible, namespaces, strict=True))
        self._tracer = Tracer(plan, Captures(visible, self._enter), self._enter, os.urandom(RUN_ID_BYTES))
        self._sweeper = Sweeper(plan, self._tracer, self._enter)

    def answer(self, message: Message) -> Message:
        """The answer to one request."""
        match message:
            case Probe():
                _import_scapy()  # now: later it would keep this from reading what comes
                return Probed(results=self._tracer.trace(message))
            case AskAll(sweep=sweep, deadline_s=deadline_s):
                _import_scapy()
                return AskedAll(result=self._sweeper.ask(sweep, deadline_s))
            case ReadFibs():
                return Fibs(fibs=tuple(self._fib(node.name) for node in self._plan.routers))
            case _:
                raise LabBroken(f"{type(message).__name__} is no request to the prober")

    def _fib(self, router: str) -> RouterFib:
        self._enter(router)
        return read_fib(router)

    def _enter(self, node: str) -> None:
        enter_network_namespace(self._namespaces[node])
