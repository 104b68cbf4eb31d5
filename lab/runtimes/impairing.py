"""Impaired wires of a plan, made by the process of `lab.runtimes.wires` in a network namespace of its own."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace

from lab.logs import Logs
from lab.netlink import LinkEnd, Netlink
from lab.node import interfaces
from lab.plan import Plan, Wire
from lab.processes import start_part
from lab.runtimes.links import link_end
from lab.runtimes.namespaces import (
    enter_network_namespace,
    new_network_namespace,
    this_network_namespace,
)
from lab.runtimes.passage import Passage
from lab.runtimes.tagging import TAGS_BYTES, trunk_ports
from lab.runtimes.wires import Wires

WIRES = "wires"
FIDELITY = (
    "impaired wires: delay, jitter, loss and rate by a process of the lab, which adds some 0.1 ms; "
    "a busy computer adds more, and what it cannot carry is lost"
)
INDICES_EACH = 4
"""The interfaces that an impaired wire takes."""


def impaired_wires(plan: Plan) -> list[Wire]:
    """Those of a plan's wires that do something to what crosses them."""
    return [wire for wire in plan.wires if wire.impaired]


def impair_wires(plan: Plan, namespaces: dict[str, int], index: int, logs: Logs) -> int | None:
    """Make a plan's impaired wires, none of which is up yet; the process's pid, None where the plan has none.

    Interfaces get indices from `index` on, `INDICES_EACH` for a wire.
    """
    impaired = impaired_wires(plan)
    if not impaired:
        return None
    home = this_network_namespace()
    try:
        own = new_network_namespace()
        interfaces.silence()
        making = _Making(plan=plan, namespaces=namespaces, own=own, wires=Wires())
        for number, wire in enumerate(impaired):
            making.wire(wire, index + INDICES_EACH * number)
        for node in dict.fromkeys(end.node for wire in impaired for end in wire.ends):
            enter_network_namespace(namespaces[node])
            making.wires.watch(node)
        enter_network_namespace(own)
        pid = start_part(WIRES, logs.open(WIRES), making.wires.run)
        making.wires.close()
        os.close(own)
        return pid
    finally:
        enter_network_namespace(home)
        os.close(home)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """The wires in the making. The calling thread is in their own namespace."""

    plan: Plan
    namespaces: dict[str, int]
    own: int
    wires: Wires

    def wire(self, wire: Wire, index: int) -> None:
        """Make the two pairs of a wire, and what is between them."""
        trunks = trunk_ports(self.plan)
        netlink = Netlink()
        middles = [f"wire{index}", f"wire{index + 2}"]
        for number, (end, middle) in enumerate(zip(wire.ends, middles, strict=True)):
            at_node = replace(link_end(self.plan, end, self.namespaces, trunks), one_by_one=True)
            here = LinkEnd(name=middle, namespace=self.own, mtu_bytes=at_node.mtu_bytes + TAGS_BYTES)
            netlink.veth(at_node, here, index + 2 * number)
        netlink.commit()
        netlink.close()
        one, other = (self.wires.open(middle) for middle in middles)
        # The chance is not seeded: which frame is which depends on the moment in any case.
        chance = random.random
        self.wires.join(one, other, Passage(wire.impairments[0], chance))
        self.wires.join(other, one, Passage(wire.impairments[1], chance))
        for end, far_end in zip(wire.ends, reversed(middles), strict=True):
            self.wires.follow(end, far_end)
