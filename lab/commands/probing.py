"""The commands that send packets in a running lab: one-off questions, ways of packets, and everybody to everybody."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lab.bgp import Family
from lab.commands.live import ANSWER_DEADLINE_S, ask_status, say_what_overflowed
from lab.controller import find_lab
from lab.errors import InputError, LabBroken
from lab.neighbors import NeighborWatch
from lab.packets import Protocol
from lab.plan import NodePlan, Plan, Role
from lab.questions.packets import AskAll, AskedAll, Probe, Probed

if TYPE_CHECKING:
    from lab.forwarding import Flow, FlowResult, Sweep
    from lab.matrix import Matrix

FIRST_PORT = 33434
"""The source port of the first of several flows of `trace`."""


def probe(arguments: argparse.Namespace) -> int:
    """Send packets between two hosts of a lab; 1 where one was not answered, 3 where none could leave.

    3 too where one was not answered while the machine itself lost packets.
    """
    results, overflowed = _asked(arguments, lambda plan: _flows(arguments, plan), arguments.count)
    if arguments.format == "json":
        from lab.report import probes_json

        print(probes_json.probes(results))
    else:
        from lab.report import probes_text

        print(probes_text.probes(results))
    return _exit_code(results, overflowed=overflowed)


def trace(arguments: argparse.Namespace) -> int:
    """Show every node that packets cross there and back, by each way that one of several flows took."""
    if arguments.flows > 1 and arguments.protocol == "icmp":
        raise InputError("icmp has no ports to tell several flows apart: leave --protocol out, or write tcp")
    protocol = Protocol(arguments.protocol or ("udp" if arguments.flows > 1 else "icmp"))

    def flows(plan: Plan) -> tuple[Flow, ...]:
        one = _flows(argparse.Namespace(**{**vars(arguments), "protocol": protocol.value}), plan)
        if arguments.flows == 1:
            return one
        return tuple(replace(flow, source_port=FIRST_PORT + n) for flow in one for n in range(arguments.flows))

    results, overflowed = _asked(arguments, flows, 1)
    if arguments.format == "json":
        from lab.report import probes_json

        print(probes_json.probes(results))
    else:
        from lab.report import probes_text

        print(probes_text.traces(results))
    return _exit_code(results, overflowed=overflowed)


def _asked(
    arguments: argparse.Namespace, flows: Callable[[Plan], tuple[Flow, ...]], count: int
) -> tuple[tuple[FlowResult, ...], bool]:
    """What became of packets, and whether the machine itself lost some meanwhile."""
    neighbors = NeighborWatch()
    with find_lab(arguments.lab) as lab:
        asked = flows(ask_status(lab).plan)
        question = Probe(flows=asked, deadline_s=arguments.timeout, count=count, again=False)
        results = lab.channel.ask(question, Probed, deadline_s=arguments.timeout + ANSWER_DEADLINE_S).results
    return results, say_what_overflowed(neighbors)


def _exit_code(results: Iterable[FlowResult], *, overflowed: bool) -> int:
    results = tuple(results)
    if all(one.answered for one in results):
        return 0
    return LabBroken.exit_code if overflowed or not all(one.sent for one in results) else 1


def _flows(arguments: argparse.Namespace, plan: Plan) -> tuple[Flow, ...]:
    from lab.forwarding import Flow

    ends, families = zip(*(_end(plan, text) for text in (arguments.source, arguments.destination)), strict=True)
    asked = [Family(arguments.family)] if arguments.family else list(Family)
    common = [one for one in asked if one in families[0] and one in families[1]]
    if not common:
        raise InputError(f"{ends[0].name} and {ends[1].name} have no address family in common that was asked for")
    if ends[0] is ends[1]:
        raise InputError(f"{ends[0].name} is where the packets come from: they are for another host")
    protocol = Protocol(arguments.protocol)
    return tuple(
        Flow(
            source=ends[0].name,
            destination=ends[1].name,
            family=family,
            dscp=_dscp(arguments.dscp),
            protocol=protocol,
            destination_port=_port(arguments.port, protocol),
        )
        for family in common
    )


def _dscp(text: str) -> int:
    from lab.expressroute.dscp import parse_dscp

    try:
        return parse_dscp(text)
    except ValueError as problem:
        raise InputError(str(problem)) from None


def _port(port: int | None, protocol: Protocol) -> int:
    if port is not None and protocol is Protocol.ICMP:
        raise InputError("--port: icmp has none, write --protocol tcp or udp too")
    return port or 0


def _end(plan: Plan, text: str) -> tuple[NodePlan, frozenset[Family]]:
    """A host of the lab by its name or by its address, and the families that it can be asked in.

    Packets go nowhere else. Raises InputError.
    """
    hosts = [node for node in plan.nodes if node.role is Role.HOST]
    for node in hosts:
        if node.name == text:
            return node, frozenset(family for family in Family if node.address(family) is not None)
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    for node in hosts:
        for family in Family:
            if address is not None and address == node.address(family):
                return node, frozenset([family])
    raise InputError(f"{text} is no host of this lab: hosts are {', '.join(node.name for node in hosts)}")


def matrix(arguments: argparse.Namespace) -> int:
    """Ask every host from every other one; 1 where an answer is not what the model says, 3 where nothing was sent.

    3 too where something is not as the model says while the machine itself lost packets, and where there is no model.
    """
    from lab.matrix import Matrix

    neighbors = NeighborWatch()
    with find_lab(arguments.lab) as lab, _picture(arguments.svg) as picture:
        plan = ask_status(lab).plan
        sweep = _sweep(arguments, plan)
        lab.channel.send(AskAll(sweep=sweep, deadline_s=arguments.timeout))
        predicted = _predicted(plan, sweep)  # meanwhile
        deadline_s = 6 * arguments.timeout + 2 * ANSWER_DEADLINE_S
        result = lab.channel.expect(AskedAll, deadline_s=deadline_s).result
        found = Matrix(plan=plan, sweep=sweep, result=result, predicted=predicted)
        _print_matrix(arguments, found)
        if picture is not None:
            _draw(found, picture)
    overflowed = say_what_overflowed(neighbors)
    if found.nothing_sent or not predicted:
        return LabBroken.exit_code
    if found.as_expected:
        return 0
    return LabBroken.exit_code if overflowed else 1


def _sweep(arguments: argparse.Namespace, plan: Plan) -> Sweep:
    from lab.forwarding import Sweep

    protocol = Protocol(arguments.protocol)
    return Sweep(
        hosts=tuple(node.name for node in plan.nodes if node.role is Role.HOST),
        families=(Family(arguments.family),) if arguments.family else tuple(Family),
        dscps=tuple(dict.fromkeys(_dscp(text.strip()) for text in arguments.dscp.split(","))),
        protocol=protocol,
        port=_port(arguments.port, protocol),
    )


def _predicted(plan: Plan, sweep: Sweep) -> dict[Flow, FlowResult]:
    """What the model says; nothing where its routes never settle, which is said."""
    from lab.matrix import predicted_flows
    from lab.predict import predict, refuse_unmodelled

    try:
        refuse_unmodelled(plan)
        return predicted_flows(plan, predict(plan).tables, sweep)
    except LabBroken as problem:
        sys.stderr.write(f"erlab: the model says nothing of these packets: {problem}\n")
        return {}


@contextmanager
def _picture(name: str | None) -> Iterator[TextIO | None]:
    """The file of the picture, before anything is asked. Raises InputError where it cannot be made."""
    if name is None:
        yield None
        return
    try:
        file = Path(name).open("a", encoding="utf-8")  # noqa: SIM115  # it is, below; an older picture stays till then
    except OSError as problem:
        raise InputError(f"cannot write {name}: {problem.strerror}") from None
    with file:
        yield file


def _draw(found: Matrix, file: TextIO) -> None:
    from lab.report import matrix_svg

    try:
        if file.seekable():
            file.truncate(0)
        file.write(matrix_svg.picture(found))
        file.flush()
    except OSError as problem:
        raise InputError(f"cannot write {file.name}: {problem.strerror}") from None


def _print_matrix(arguments: argparse.Namespace, found: Matrix) -> None:
    if arguments.format == "json":
        from lab.report import matrix_json

        print(matrix_json.matrix(found))
    else:
        from lab.report import matrix_text

        print(matrix_text.matrix(found))
