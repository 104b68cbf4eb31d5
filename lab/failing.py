"""The faults of a running lab: what is switched off, deaf or dead in its namespaces, and that it comes back as it was.

Everything here is undone by what is still in force, so that two faults may act on one interface. Nothing is left of a
fault but what the kernel keeps by itself: addresses stay at an interface that is down, IPv6's by keep_addr_on_down.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from lab.errors import LabBroken
from lab.injection import Injection, SessionEnd
from lab.messages import Injected
from lab.netlink import Netlink
from lab.node import interfaces
from lab.plan import Endpoint, NodePlan, Plan
from lab.questions.control import Healed
from lab.runtimes.namespaces import enter_network_namespace, this_network_namespace

End = tuple[str, str]
_TABLE = "erlab-lost"
_PLACES = "/usr/sbin:/sbin:/usr/local/sbin"
_DEADLINE_S = 10.0
_PIPE = subprocess.PIPE


class Routers(Protocol):
    """What faults ask of the processes of a lab's routers."""

    def freeze(self, router: str) -> None:
        """Let a router do nothing more, so that it says no farewell."""

    def kill(self, router: str) -> None:
        """End a router's process, and take that for no fault of the lab."""

    def start_again(self, node: NodePlan) -> None:
        """Be a killed router again, by a new process."""

    def reset(self, end: SessionEnd) -> None:
        """Have a router close a session, which may come up again at once."""

    def configure(self, old: Plan, new: Plan) -> None:
        """Give the routers that run the rules of another plan."""


class Failing:
    """The faults that are in force, and the state of the namespaces that they need."""

    def __init__(self, plan: Plan, namespaces: Mapping[str, int], routers: Routers) -> None:
        self._plan = plan
        self._namespaces = namespaces
        self._routers = routers
        self._active: dict[str, Injection] = {}
        self._dead: set[str] = set()
        self._down: set[Endpoint] = set()
        self._deaf: set[Endpoint] = set()

    @property
    def faults(self) -> tuple[str, ...]:
        """Their names, the oldest first."""
        return tuple(self._active)

    @property
    def excused(self) -> frozenset[End]:
        """The ends of sessions that may be down."""
        return frozenset((end.router, end.session) for one in self._active.values() for end in one.ends)

    @property
    def killed(self) -> frozenset[str]:
        """The routers that have no process."""
        return frozenset(self._dead)

    @property
    def rules(self) -> Plan:
        """The plan whose rules the routers have."""
        return self._rules_under(self._active.values())

    def _rules_under(self, faults: Iterable[Injection]) -> Plan:
        return next((one.plan for one in faults if one.plan is not None), self._plan)

    def take(self, plan: Plan) -> None:
        """Take note of other rules of the lab. Raises LabBroken while a fault is in force."""
        if self._active:
            raise LabBroken(f"{', '.join(self._active)} is in force: heal it first, with `erlab heal`")
        self._plan = plan

    def inject(self, injection: Injection) -> Injected:
        """Let a fault happen, or the next step of one. Raises LabBroken where it cannot be added to those in force.

        What fails half-way is taken back; where that fails too, the fault is in force, and shows, until it is healed.
        """
        self._check(injection)
        began_ns, rules = time.monotonic_ns(), self.rules
        if not injection.resets:  # nothing lasts of a reset
            self._active[injection.fault] = injection
        try:
            self._carry_out(injection, rules)
        except (LabBroken, OSError) as problem:
            raise LabBroken(f"{problem}; {self._take_back(injection)}") from problem
        return Injected(began_ns=began_ns, done_ns=time.monotonic_ns())

    def _carry_out(self, injection: Injection, rules: Plan) -> None:
        if injection.plan is not None:
            self._routers.configure(rules, injection.plan)
        for name in injection.killed:
            self._routers.freeze(name)
        self._bring_about(self._active.values())
        for name in injection.killed:
            self._kill(name)
        for end in injection.resets:
            self._routers.reset(end)

    def _take_back(self, injection: Injection) -> str:
        """Heal what could not be injected wholly; what became of it."""
        if injection.resets:
            return f"{injection.fault} may have happened in part"
        try:
            self.heal(injection.fault)
        except (LabBroken, OSError):
            return f"{injection.fault} may be in force in part: heal it with `erlab heal` when the lab answers again"
        return f"{injection.fault} was taken back"

    def _kill(self, name: str) -> None:
        self._routers.kill(name)
        self._dead.add(name)

    def heal(self, fault: str) -> Healed:
        """End one fault, or all where none is named. Raises LabBroken where it is not in force, or cannot be ended.

        A fault is in force until all of it is undone, and can be healed again.
        """
        if fault and fault not in self._active:
            raise LabBroken(f"{fault} is not in force; in force are: {', '.join(self._active) or 'none'}")
        faults = (fault,) if fault else tuple(self._active)
        began_ns = time.monotonic_ns()
        ending = [self._active[name] for name in faults]
        remaining = [one for name, one in self._active.items() if name not in faults]
        if any(one.plan is not None for one in ending):
            self._routers.configure(self.rules, self._plan)  # one fault at a time has rules of its own
        self._bring_about(remaining)
        for name in (name for one in ending for name in one.killed):
            if name not in self._dead:  # only frozen, by an injection that failed
                self._kill(name)
            self._routers.start_again(self._rules_under(remaining).node(name))
            self._dead.discard(name)
        for name in faults:
            del self._active[name]
        return Healed(faults=faults, began_ns=began_ns, done_ns=time.monotonic_ns())

    def _check(self, injection: Injection) -> None:
        before = self._active.get(injection.fault)
        if before is not None and (injection.plan is None or before.plan is None):
            raise LabBroken(f"{injection.fault} is in force already: heal it first")
        if injection.plan is not None:
            other = next((name for name, one in self._active.items() if one.plan and name != injection.fault), None)
            if other is not None:
                raise LabBroken(f"{other} is in force, which changes the routers' rules too: heal it first")
        if self.killed & {*injection.killed, *(end.router for end in injection.resets)}:
            raise LabBroken("a router of it is dead already: heal that first")
        if injection.deaf and _nft() is None:
            raise LabBroken("silent loss takes the program nft, and it is not installed: install the package nftables")

    def _bring_about(self, faults: Iterable[Injection]) -> None:
        """Switch interfaces, and make them deaf, until all is as some faults have it."""
        faults = tuple(faults)
        down = {end for one in faults for end in one.down}
        deaf = {end for one in faults for end in one.deaf}
        home = this_network_namespace()
        try:
            self._filter({end.node for end in deaf ^ self._deaf}, deaf)
            self._switch(down)
        finally:
            enter_network_namespace(home)
            os.close(home)

    def _switch(self, down: set[Endpoint]) -> None:
        for node in sorted({end.node for end in down ^ self._down}):
            enter_network_namespace(self._namespaces[node])
            netlink = Netlink()
            for end in sorted(down - self._down, key=str):
                if end.node == node:
                    self._down.add(end)  # whatever the kernel says: healing has to bring it up
                    netlink.down(end.interface)
            back = [end for end in sorted(self._down - down, key=str) if end.node == node]
            for end in back:
                netlink.up(end.interface)
            netlink.commit()
            for end in back:
                netlink.settle(end.interface)
                interfaces.write_neighbors(self._plan.node(node).interface(end.interface), netlink)
            netlink.commit()
            netlink.close()
            self._down.difference_update(back)

    def _filter(self, nodes: set[str], deaf: set[Endpoint]) -> None:
        """Have exactly the deaf interfaces of some nodes drop what comes, all nodes at once."""
        if not nodes:
            return
        program, running = _nft(), []
        if program is None:
            raise LabBroken("the program nft is gone")
        self._deaf |= deaf  # until the kernel has done it, as on failure: healing has to see to all of them
        for node in sorted(nodes):
            enter_network_namespace(self._namespaces[node])
            rules = _ruleset([end.interface for end in sorted(deaf, key=str) if end.node == node])
            process = subprocess.Popen(  # noqa: S603
                [program, "-f", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            running.append((node, process, rules))
        failed = []
        for node, process, rules in running:
            try:
                _, said = process.communicate(rules, timeout=_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                _, said = process.communicate()
            if process.returncode != 0:
                failed.append(f"nft could not filter in {node}: {said.strip()}")
            else:
                self._deaf -= {end for end in self._deaf - deaf if end.node == node}
        if failed:
            raise LabBroken("; ".join(failed))


def _ruleset(deaf: list[str]) -> str:
    """The filter of a namespace in the language of nft(8): in one transaction, whatever was there before."""
    lines = [f"table netdev {_TABLE} {{}}", f"delete table netdev {_TABLE}"]
    if deaf:
        chains = [
            f'chain at{number} {{ type filter hook ingress device "{name}" priority -300; policy drop; }}'
            for number, name in enumerate(deaf)
        ]
        lines.append("\n".join([f"table netdev {_TABLE} {{", *chains, "}"]))
    return "\n".join(lines) + "\n"


def _nft() -> str | None:
    return shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_PLACES}")


def packets_entered(interfaces_: tuple[Endpoint, ...], namespaces: Mapping[str, int]) -> tuple[int, ...]:
    """How many packets have entered by each of some interfaces, by the kernel's own counters."""
    home = this_network_namespace()
    try:
        found: dict[Endpoint, int] = {}
        for node in dict.fromkeys(end.node for end in interfaces_):
            enter_network_namespace(namespaces[node])
            lines = Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines()
            parts = [line.partition(":") for line in lines]
            counted = {name.strip(): int(rest.split()[1]) for name, colon, rest in parts if colon}
            found |= {end: counted[end.interface] for end in interfaces_ if end.node == node}
    finally:
        enter_network_namespace(home)
        os.close(home)
    return tuple(found[end] for end in interfaces_)
