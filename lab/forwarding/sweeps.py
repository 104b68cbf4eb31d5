"""Sweeps: every host asks every other one, in each family and with each mark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.bgp import Family
from lab.forwarding.flows import Flow, FlowResult
from lab.packets import Protocol
from lab.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The flows from each host to each other one. The port is the destination's; 0 means any."""

    hosts: tuple[str, ...]
    families: tuple[Family, ...]
    dscps: tuple[int, ...] = (0,)
    protocol: Protocol = Protocol.ICMP
    port: int = 0

    def flows(self, plan: Plan) -> Iterator[Flow]:
        """Each flow, in the families that both of its ends have; those of a source together, marks innermost."""
        for family in self.families:
            ends = [host for host in self.hosts if plan.node(host).address(family) is not None]
            for source in ends:
                for destination in ends:
                    if source != destination:
                        for dscp in self.dscps:
                            yield Flow(
                                source=source,
                                destination=destination,
                                family=family,
                                dscp=dscp,
                                protocol=self.protocol,
                                destination_port=self.port,
                            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What became of a sweep's flows, in their order.

    `arrived` has the marks on arrival at the destination and `returned` those of the answers at the source, -1 where
    there was none; `round_trip_ns` the times there and back, -1 where they are not known. Those that were not answered
    were asked again with every capture listening: `traced` is what was seen of them. Where all marks between two hosts
    failed alike it is the first one that stands there for all.
    """

    arrived: tuple[int, ...]
    returned: tuple[int, ...]
    round_trip_ns: tuple[int, ...]
    traced: tuple[FlowResult, ...] = ()
