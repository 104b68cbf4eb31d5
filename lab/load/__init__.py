"""Text to model: YAML files become a `Topology`, policies or cases, or one InputError with all their mistakes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice
from os import PathLike
from pathlib import Path

from lab.errors import InputError, Mistake
from lab.load.cases import CasesFile, cases_of
from lab.load.edges import check_chains
from lab.load.expectations.failovers import check_faults
from lab.load.impairments import check_wires
from lab.load.library import Library
from lab.load.policies import check_policies, to_policies
from lab.load.policy_documents import PolicyFileDocument
from lab.load.queues import check_queue_places
from lab.load.reading import MOST_MISTAKES, Reading, refusal
from lab.load.source import SourceFile, read
from lab.load.speakers import OwnConfigs, check_vendors
from lab.load.to_topology import to_topology
from lab.load.topologies import check_topology
from lab.load.topology_documents import TopologyDocument
from lab.plan.of_topology import unshaped_plan
from lab.plan.shaping import queues_of
from lab.policy import Policy
from lab.topology import Topology

__all__ = ["load_file", "load_policies", "load_topology"]

FilePath = str | PathLike[str]


def load_topology(path: FilePath) -> Topology:
    """The topology of a file and of the policy files that it names. Raises InputError with all mistakes of them all."""
    return _topology(_read(path))


def load_policies(path: FilePath) -> tuple[Policy, ...]:
    """The policies of a file. Raises InputError with every mistake."""
    return _policies(_read(path))


def load_file(path: FilePath) -> Topology | tuple[Policy, ...] | CasesFile:
    """Whatever a file holds. Raises InputError with every mistake."""
    source = _read(path)
    if isinstance(source.data, dict) and "cases" in source.data:
        return cases_of(source)
    return _policies(source) if _is_policy_file(source) else _topology(source)


def _read(path: FilePath) -> SourceFile:
    return read(Path(path), os.fspath(path))


def _is_policy_file(source: SourceFile) -> bool:
    keys = set(source.data) if isinstance(source.data, dict) else set()
    common = {"policies"}
    if keys & (set(TopologyDocument.model_fields) - common):
        return False
    return bool(keys & set(PolicyFileDocument.model_fields))


def _policies(source: SourceFile) -> tuple[Policy, ...]:
    reading = Reading(source, PolicyFileDocument)
    mistakes = [*reading.mistakes, *islice(check_policies(reading), MOST_MISTAKES)]
    if mistakes or reading.whole is None:
        raise refusal(source, mistakes)
    return to_policies(reading.whole, source)


def _topology(source: SourceFile) -> Topology:
    reading = Reading(source, TopologyDocument)
    library, configs = Library(reading), OwnConfigs(reading)
    together = islice(check_topology(reading, library.names), MOST_MISTAKES)
    chains = islice(check_chains(reading, library.policies), MOST_MISTAKES)
    mistakes = [*reading.mistakes, *library.mistakes, *configs.mistakes, *together, *chains]
    if mistakes or reading.whole is None:
        raise refusal(source, mistakes)
    topology = to_topology(reading.whole, source, library.policies, configs)
    in_the_plan = [*islice(chain(_misplaced(reading, topology), check_faults(source, topology)), MOST_MISTAKES)]
    if in_the_plan:
        raise refusal(source, in_the_plan)
    return topology


def _misplaced(reading: Reading[TopologyDocument], topology: Topology) -> Iterator[Mistake]:
    """What the file says of wires and interfaces that the plan does not have, and of routers that cannot be so."""
    foreign = any(site.speakers for one in (topology.customer, *topology.other_customers) for site in one.sites)
    if not foreign and not topology.impairments and not queues_of(topology):
        return
    try:
        bare = unshaped_plan(topology)
    except InputError:
        return  # whoever plans it is told why
    yield from check_vendors(reading, bare)
    yield from check_wires(reading.source, topology, bare)
    yield from check_queue_places(reading, topology, bare)
