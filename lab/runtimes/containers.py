"""The Docker runtime: one container per router, of this project's image; hosts and switches are plain namespaces.

A container has a network namespace of its own and nothing in it. Its process 1 connects to a socket that the supervisor
has opened inside of that namespace, so that nothing of this computer is mounted into the container, and is told there
what to be. When the supervisor goes, however it goes, the connections close and the containers end by themselves; what
is left of them is found by its labels (docs/decisions/0026-containers.md).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lab.channel import Channel, ChannelClosed, readable
from lab.errors import LabBroken, NotPermitted
from lab.limits import Limits
from lab.logs import TAIL_LINES
from lab.node import interfaces, marking
from lab.node.daemons import PRIVATE
from lab.node.supervised import ADDRESS
from lab.node_messages import (
    NODE_KINDS,
    ContainerReady,
    FreezeRouter,
    KillRouter,
    MemoryRead,
    ReadMemory,
    RouterFrozen,
    RouterKilled,
    StartRouter,
)
from lab.plan import NodePlan, Plan
from lab.runtimes import links
from lab.runtimes.engine import Engine, Owned, Wanted
from lab.runtimes.image import CODE_LABEL, code_digest
from lab.runtimes.namespaces import enter_network_namespace, this_network_namespace
from lab.vendors.every import VENDORS

IMAGE, PEERS_IMAGE = "erlab/node", "erlab/peers"
"""The image of a router's container, and of one with other vendors' daemons.

The environment variables ERLAB_IMAGE and ERLAB_PEERS_IMAGE name other ones.
"""
LAB, NODE, STATE, SUPERVISOR = "erlab.lab", "erlab.node", "erlab.state", "erlab.supervisor"
"""The labels of a container: its lab, its node, the directory of the lab's files, and the process it ends with.

The last has the pid, the time of its start, and the pid namespace in which that is its pid.
"""
_AT_ONCE = 8
_CONNECT_S, _ANSWER_S, _END_S, _POLL_S = 40.0, 5.0, 1.5, 0.01
_LOOK_S = 1.0
"""How often it is looked whether a container that says nothing has ended."""
_IN_FLIGHT_S = 1.0
"""What a killed supervisor had asked for is there after this time, or was never made."""
_REMOVED_S = 30.0
"""An engine that has not removed a container by then will not."""
TAKES_ROOT = (
    "the Docker runtime takes root, for it puts the ends of wires into the containers' network namespaces: "
    "run `sudo erlab ...`, or leave out `--runtime docker`, for namespaces need no root"
)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose containers they are: a lab's name, and the directory where the state of its user's labs is.

    `shared` is whether other labs of that name may be up on this computer.
    """

    name: str
    state: Path
    shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """All processes of a pid namespace: the directory `/proc` that shows them, as an open file, and its name."""

    proc: int
    namespace: str


def processes_here() -> Processes:
    """The processes that the calling one sees, also when it has a `/proc` of its own later on."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return Processes(proc=proc, namespace=os.readlink("self/ns/pid", dir_fd=proc))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Container:
    """A container that was started, with the socket that its process 1 connects to."""

    id: str
    namespace: int
    listening: socket.socket


class ContainerRuntime:
    """Routers are containers. It is made before the lab's first process, while `/proc` still shows all processes."""

    def __init__(self, owner: Owner) -> None:
        if os.geteuid():
            raise NotPermitted(TAKES_ROOT)
        self._owner = owner
        self._here = processes_here()
        self._home = Path("/proc/self/ns/net").stat()
        self._engine: Engine | None = None
        self._unreachable = ""
        self._limits: Limits | None = None
        self._containers: dict[str, _Container] = {}
        self._controls: dict[str, Channel] = {}
        self._made = False

    def warm_up(self) -> None:
        """Connect to the engine. Why it cannot be reached is told when a plan comes."""
        try:
            self._engine = Engine()
        except LabBroken as problem:
            self._unreachable = str(problem)

    def check(self, plan: Plan) -> tuple[str, ...]:
        """What runs where. Raises LabBroken where the engine or the image is missing, or is of other code than this."""
        self.check_programs(plan)
        engine = self._reached()
        self._limits = plan.limits
        images = dict.fromkeys(_image(node) for node in plan.routers)
        what = " and ".join(f"{image}{self._doubt(engine, image)}" for image in images)
        routers = f"routers are Docker containers of {what} (engine {engine.release})"
        where = f"runtime: {routers}; hosts and switches are network namespaces of Linux {os.uname().release}"
        return (where, *(engine.not_in_force(plan.limits) if plan.limits is not None else ()))

    def _doubt(self, engine: Engine, image: str) -> str:
        """What is not known of an image. Raises LabBroken where it is missing, or is of other code than this."""
        code = engine.image_labels(image).get(CODE_LABEL)
        if code not in (None, code_digest()):
            raise LabBroken(f"the image {image} is of another erlab than this one: make it anew with `make image`")
        return "" if code else ", which does not say whether it is of this very erlab,"

    def _reached(self) -> Engine:
        if self._engine is None:
            raise LabBroken(self._unreachable)
        return self._engine

    def check_programs(self, plan: Plan) -> None:
        """Routers have theirs in their image; on this computer runs what marks packets of a node that is no router."""
        marking.check_program(node for node in plan.nodes if node.bgp is None)

    def make_nodes(self, plan: Plan) -> dict[str, int]:
        """Start the containers of all routers at once, and make a namespace for each other node."""
        sweep_until_quiet(self._reached(), self._here, self._owner.state)
        self._made = True
        labels = {LAB: self._owner.name, STATE: str(self._owner.state), SUPERVISOR: _identity(self._here)}
        started = _each(plan.routers, lambda node: self._start_container(node, labels))
        self._containers = dict(started)
        others = links.new_namespaces(node.name for node in plan.nodes if node.bgp is None)
        made = {**{name: one.namespace for name, one in self._containers.items()}, **others}
        return {node.name: made[node.name] for node in plan.nodes}

    def _start_container(self, node: NodePlan, labels: dict[str, str]) -> tuple[str, _Container]:
        """Called in a thread of its own, which may go from one namespace to another."""
        engine = self._reached()
        container = engine.create(self._wanted(node, labels))
        engine.start(container)
        namespace = self._namespace_of(container, engine.pid(container))
        enter_network_namespace(namespace)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(ADDRESS)
        listening.listen(1)
        return node.name, _Container(id=container, namespace=namespace, listening=listening)

    def _wanted(self, node: NodePlan, labels: Mapping[str, str]) -> Wanted:
        wanted = Wanted(
            image=_image(node),
            name=container_name(self._owner, node.name, labels[SUPERVISOR]),
            node=node.name,
            labels={**labels, NODE: node.name},
            limits=self._limits,
        )
        if node.speaker is None:
            return wanted
        vendor = VENDORS[node.speaker.kind]
        return replace(wanted, scratch=str(PRIVATE), capabilities=vendor.capabilities)

    def _namespace_of(self, container: str, pid: int) -> int:
        """The network namespace of a container's process, whose pid is the engine's word for it."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            process = os.open(str(pid), os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._here.proc)
            try:
                namespace = os.open("ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=process)
                if container in _read(process, "cgroup") and not os.path.samestat(os.fstat(namespace), self._home):
                    return namespace
                os.close(namespace)
            except PermissionError:  # root of a user namespace is not that of the computer
                raise NotPermitted(TAKES_ROOT) from None
            finally:
                os.close(process)
        raise LabBroken(
            f"a container has process {pid} by the engine, and here that is none of it: {self._why(container)}"
        )

    def _why(self, container: str) -> str:
        end = self._reached().end(container)
        if end is None:
            return "erlab has to run in the engine's pid namespace"
        return f"it {end}\n{self._reached().tail(container, TAIL_LINES)}"

    def start(self, node: NodePlan, *, again: bool) -> RunningContainer:
        """Have a container be a router."""
        container = self._containers[node.name]
        if node.name not in self._controls:
            self._controls[node.name] = self._accept(node.name, container)
        control = self._controls[node.name]
        if not again:
            _write_settings(node, container.namespace)
        ours, theirs = socket.socketpair()
        control.send(StartRouter(plan=node, again=again), [theirs.fileno()])
        theirs.close()
        return RunningContainer(
            name=node.name,
            container=container.id,
            channel=Channel(ours, f"the router {node.name}"),
            control=control,
            engine=self._reached(),
        )

    def _accept(self, node: str, container: _Container) -> Channel:
        """The connection of a container's process 1, which is ready."""
        end_s = time.monotonic() + _CONNECT_S
        self._await(node, container, container.listening, end_s)
        connection, _ = container.listening.accept()
        container.listening.close()
        control = Channel(connection, f"the container of {node}", NODE_KINDS)
        self._await(node, container, control, end_s)
        try:
            control.expect(ContainerReady, deadline_s=_ANSWER_S)
        except ChannelClosed:
            raise LabBroken(self._how_it_ended(node, container.id)) from None
        return control

    def _await(self, node: str, container: _Container, said: socket.socket | Channel, end_s: float) -> None:
        """Wait until a container says something. Raises LabBroken where it ends instead, or the time does."""
        while not readable([said], _LOOK_S):
            if self._reached().end(container.id) is not None:
                raise LabBroken(self._how_it_ended(node, container.id))
            if time.monotonic() > end_s:
                raise LabBroken(f"the container of {node} said nothing within {_CONNECT_S:g} s")

    def _how_it_ended(self, node: str, container: str) -> str:
        """How a container ended that never was a router, and what it said last."""
        return f"{how_it_ended(self._reached(), container, node)}\n{self._reached().tail(container, TAIL_LINES)}"

    def close(self) -> None:
        """Remove the lab's containers."""
        for control in self._controls.values():
            control.close()  # by which all of them end at the same time
        if self._made and self._engine is not None:
            mine = {LAB: self._owner.name, STATE: str(self._owner.state), SUPERVISOR: _identity(self._here)}
            engine = self._engine
            _each(engine.owned(mine), lambda one: engine.remove(one.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningContainer:
    """A router's container, and the channels to its node program and to its process 1."""

    name: str
    container: str
    channel: Channel
    control: Channel
    engine: Engine
    pid: int | None = None
    """No process of it is a child of the calling one."""

    def freeze(self) -> None:
        """Have process 1 stop the node program."""
        self.control.ask(FreezeRouter(), RouterFrozen, deadline_s=_ANSWER_S)

    def kill(self) -> None:
        """Have process 1 kill the node program. The container stays, with its namespace, for a router to come."""
        self.control.ask(KillRouter(), RouterKilled, deadline_s=_ANSWER_S)

    def how_it_ended(self) -> str:
        """How the container ended, by the engine."""
        return how_it_ended(self.engine, self.container, self.name)

    def memory_kib(self) -> int | None:
        """The proportional memory of all processes in it; None where it does not answer."""
        try:
            return self.control.ask(ReadMemory(), MemoryRead, deadline_s=_ANSWER_S).kib
        except (LabBroken, OSError):
            return None

    def last_words(self) -> str:
        """The end of what `docker logs` shows."""
        try:
            return self.engine.tail(self.container, TAIL_LINES)
        except LabBroken:
            return ""


def how_it_ended(engine: Engine, container: str, node: str) -> str:
    """How the container of a node ended, or is about to."""
    end_s = time.monotonic() + _END_S
    what = f"the container of {node}"
    try:
        while (end := engine.end(container)) is None:
            if time.monotonic() > end_s:
                return f"{what} closed its channel"
            select.select((), (), (), _POLL_S)
    except LabBroken as problem:  # somebody has removed it
        return f"{what} is gone: {problem}"
    return f"{what} {end}"


# containers and who owns them


def _image(node: NodePlan) -> str:
    if node.speaker is not None:
        return os.environ.get("ERLAB_PEERS_IMAGE") or PEERS_IMAGE
    return os.environ.get("ERLAB_IMAGE") or IMAGE


def container_name(owner: Owner, node: str, supervisor: str) -> str:
    """What `docker ps` shows. Labs of one name beside one another tell their containers apart by their process."""
    apart = f"-{supervisor.partition(' ')[0]}" if owner.shared else ""
    return f"erlab-{owner.name}{apart}-{node}"


def remove_remains(state: Path, lab: str | None = None, *, in_flight: bool) -> list[Owned]:
    """Remove what is left of a user's dead labs, or of one of them; which containers.

    `in_flight` is whether the engine may still be making some, for a supervisor that was killed.
    """
    here = processes_here()
    try:
        return sweep_until_quiet(Engine(), here, state, lab, in_flight=in_flight)
    finally:
        os.close(here.proc)


def sweep_until_quiet(
    engine: Engine, here: Processes, state: Path, lab: str | None = None, *, in_flight: bool = False
) -> list[Owned]:
    """The same with a `/proc` that shows the processes of all labs. Where there are any, more may be in the making.

    Raises LabBroken where the engine says for long that it is removing one, as it does of one that it cannot remove.
    """
    removed = sweep(engine, here, state, lab)
    began_s = time.monotonic()
    end_s = began_s + (_IN_FLIGHT_S if removed or in_flight else 0)
    while time.monotonic() < end_s:
        select.select((), (), (), 10 * _POLL_S)
        found = sweep(engine, here, state, lab)
        if found:
            end_s = time.monotonic() + _IN_FLIGHT_S
            if end_s > began_s + _REMOVED_S:
                raise LabBroken(f"the engine does not get rid of {', '.join(one.name for one in found)}")
        removed += found
    return removed


def sweep(engine: Engine, here: Processes, state: Path, lab: str | None = None) -> list[Owned]:
    """Remove the containers of a user's labs, or of one of them, whose supervisors are gone; which they were."""
    wanted = {STATE: str(state)} if lab is None else {STATE: str(state), LAB: lab}
    dead = [one for one in engine.owned(wanted) if _is_dead(one, here)]
    _each(dead, lambda one: engine.remove(one.id))
    return dead


def _identity(here: Processes) -> str:
    """This process: its pid, when it started, and the pid namespace."""
    pid = os.readlink("self", dir_fd=here.proc)
    return f"{pid} {_started(here.proc, pid)} {here.namespace}"


def _is_dead(one: Owned, here: Processes) -> bool:
    """Whether a container's supervisor has ended. Of one in another pid namespace nothing is known from here."""
    pid, started, namespace = (*one.labels[SUPERVISOR].split(" "), "", "")[:3]
    if namespace != here.namespace:
        return False
    try:
        return _started(here.proc, pid) != started
    except (FileNotFoundError, ProcessLookupError):
        return True


def _started(proc: int, pid: str) -> str:
    """When a process started, in ticks since the computer did (proc(5), starttime); nothing where it has ended."""
    process = os.open(pid, os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
    try:
        state, *fields = _read(process, "stat").rpartition(")")[2].split()
    finally:
        os.close(process)
    return "" if state in "ZX" else fields[18]


def _read(directory: int, name: str) -> str:
    file = os.open(name, os.O_RDONLY, dir_fd=directory)
    with os.fdopen(file, encoding="utf-8", errors="replace") as reading:
        return reading.read()


def _write_settings(node: NodePlan, namespace: int) -> None:
    """Set what a container may read of the kernel's settings, and not write."""
    home = this_network_namespace()
    try:
        enter_network_namespace(namespace)
        interfaces.write_settings(node)
    finally:
        enter_network_namespace(home)
        os.close(home)


def _each(items: Iterable[Item], work: Callable[[Item], Result]) -> Sequence[Result]:
    """Do the same with each item, several at once; all are done, or have failed, when it returns or raises."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        running = [pool.submit(work, item) for item in items]
    return [one.result() for one in running]
