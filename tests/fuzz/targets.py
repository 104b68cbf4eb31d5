"""Each parser of the project as a function from octets: it may raise nothing, for the parser's own errors are caught.

What it returns says how the parser went, without the numbers and names of the input: a fuzzer keeps an input that goes
in a new way. An assertion is a property that holds whatever the input.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from lab.bgp import (
    ATTRIBUTES,
    Asn,
    AsPath,
    Family,
    Route,
    extended_community,
    extended_community_octets,
    is_route_target,
    parse_community,
    parse_extended_community,
    parse_large_community,
    parse_prefix,
)
from lab.errors import InputError
from lab.load import load_policies, load_topology
from lab.load.cases import load_cases
from lab.load.routes import read_routes, route_of
from lab.mrt import MrtError, read_mrt
from lab.plan.of_topology import plan
from lab.policy import Context, cases, compiled, evaluate
from lab.policy.coverage import coverage
from lab.policy.patterns import as_path_matches, check_as_path_pattern, check_community_pattern, community_matches
from lab.report import as_json, as_text, policy_json, policy_text
from lab.report.json_parts import document, route_object
from lab.report.policy_text import sample_text
from lab.wire import Agreed, UpdateError, decode_update

_VARIABLE = re.compile(r"'.*'|!\S*|\".*\"|[0-9a-fx.:/,*-]*\d[0-9a-fx.:/,*-]*")
_ROUTE = Route(
    prefix=parse_prefix("10.0.0.0/8"), next_hop=IPv4Address("192.0.2.2"), as_path=AsPath.parse("65001 65010 {1,2}")
)
_EDGE = f"policies: {Path(__file__).parents[1] / 'golden' / 'policies' / 'edge.yaml'}\n"
_CONTEXT = Context(
    neighbor="microsoft-1",
    peer_address=IPv4Address("192.0.2.2"),
    own_asn=Asn(65010),
    own_address=IPv4Address("192.0.2.1"),
)


_AGREED = (None, *(Agreed(family, vpn=vpn) for vpn in (True, False) for family in Family), None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser to be fuzzed, and words that it knows."""

    run: Callable[[bytes], str]
    words: tuple[bytes, ...] = ()


def _outline(text: str) -> str:
    return _VARIABLE.sub("#", text)


def _together(texts: Iterable[str]) -> str:
    return "; ".join(sorted({_outline(text) for text in texts}))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def update(data: bytes) -> str:
    """The body of an UPDATE, behind an octet that says what was agreed with the neighbour."""
    agreed = data[0] if data else 0
    try:
        found = decode_update(
            data[1:],
            asn4=not agreed & 1,
            ebgp=not agreed & 2,
            peer_asn=65001 if agreed & 4 else None,
            agreed=_AGREED[agreed >> 3 & 7],
        )
    except UpdateError as problem:
        return f"{problem.subcode} {_outline(str(problem))}"
    announced = {route.nlri for route in found.announced}
    assert not announced & set(found.withdrawn)
    assert found.end_of_rib is None or not (announced or found.withdrawn or found.faults)
    for fault in found.faults:
        assert fault.text
        assert not fault.withdrawn or not announced & set(fault.prefixes)
    shape = f"{bool(announced)} {bool(found.withdrawn)} {found.end_of_rib} "
    return shape + _together(fault.text for fault in found.faults)


def mrt(data: bytes) -> str:
    """A table dump."""
    reading = read_mrt(data)
    entries = 0
    end = ""
    try:
        for entry in reading:
            entries += 1
            assert entry.peer_asn >= 0
    except MrtError as problem:
        end = str(problem)
    skipped = _together(reading.skipped)
    return f"{min(entries, 3)} {skipped} {_together(fault.text for fault in reading.faults)} {_outline(end)}"


def policy_file(data: bytes) -> str:
    """A policy file; the policies of a good one decide about a route, traced and compiled alike."""
    with _file(data) as name:
        try:
            policies = load_policies(name)
        except InputError as problem:
            return _mistakes(problem, name)
    for policy in policies:
        outcome = evaluate(policy, _ROUTE, _CONTEXT)
        assert compiled((policy,))(_ROUTE, _CONTEXT)[0] == outcome.route
        assert outcome.because
    return f"{min(len(policies), 3)} policies"


def topology_file(data: bytes) -> str:
    """A topology file; a good one has a plan, which can be printed."""
    with _file(data) as name:
        try:
            topology = load_topology(name)
            planned = plan(topology)
        except InputError as problem:
            str(problem).encode()
            return _mistakes(problem, name)
    as_json.plan(planned).encode()
    as_text.plan(planned).encode()
    roles = sorted({node.role.value for node in planned.nodes})
    return f"{topology.connectivity_model.value} {min(len(topology.circuits), 3)} {roles} {len(planned.fidelity)}"


def routes_file(data: bytes) -> str:
    """A file of routes in whatever form."""
    with _file(data) as name:
        try:
            given = read_routes(name)
            routes = list(given.routes)
        except InputError as problem:
            return _mistakes(problem, name)
    for one in routes:
        document("routes", routes=[route_object(one.route)]).encode()
        sample_text(one).encode()
    return f"{min(len(routes), 3)} routes {_together(note.replace(name, 'the file') for note in given.notes)}"


def cases_file(data: bytes) -> str:
    """A file of cases; those of a good one are run, and what became of them can be printed."""
    with _file(_EDGE.encode() + data) as name:
        try:
            file = load_cases(name)
        except InputError as problem:
            str(problem).encode()
            return _mistakes(problem, name)
    results = tuple(cases.check(case) for case in file.cases)
    report = cases.CaseReport(results=results, coverage=coverage([(file.terms, [one.outcome for one in results])]))
    policy_json.cases(report).encode()
    policy_text.cases(report).encode()
    wrong = _together(mismatch.what for one in results for mismatch in one.mismatches)
    return f"{min(len(results), 3)} cases {report.exit_code} {wrong}"


def route_words(data: bytes) -> str:
    """A route in the words of a call."""
    try:
        route = route_of(_text(data), "a route")
    except InputError as problem:
        return _mistakes(problem, "a route")
    return " ".join(name for name in ATTRIBUTES if getattr(route, name))


def _mistakes(problem: InputError, name: str) -> str:
    """What is wrong with a file, without its name; long mistakes end in what the file says."""
    return _together(_outline(one.what)[:50] for one in problem.mistakes) or _outline(
        str(problem).replace(name, "the file")
    )


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(dir=_memory()) as file:
        file.write(data)
        file.flush()
        yield file.name


def _memory() -> str | None:
    """A directory in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def as_path_pattern(data: bytes) -> str:
    """A regular expression, and behind a line feed the texts that it is looked for in."""
    pattern, _, text = _text(data).partition("\n")
    found = []
    for check, matches in (
        (check_as_path_pattern, as_path_matches),
        (check_community_pattern, community_matches),
    ):
        try:
            check(pattern)
        except ValueError as problem:
            says = str(problem).replace(repr(pattern), "it").split(": ")[:2]  # behind that, RE2 repeats a part of it
            found.append(_outline(": ".join(says)))
            continue
        searched = text.encode("ascii", "ignore").decode()
        found.append(str([matches(pattern, one) for one in (str(_ROUTE.as_path), "65001:100", searched)]))
    return " ".join(found)


def as_path_text(data: bytes) -> str:
    """An AS path as people write it: what is read and written is read as the same."""
    try:
        path = AsPath.parse(_text(data))
    except ValueError as problem:
        return _outline(str(problem))
    assert AsPath.parse(str(path)) == path
    assert path.length <= len(path.asns)
    return " ".join(segment.kind.value for segment in path.segments[:4])


def communities(data: bytes) -> str:
    """A community of each kind as people write it, and eight octets as an extended one."""
    text = _text(data)
    found = []
    for parse in (parse_community, parse_large_community, parse_extended_community):
        try:
            community = parse(text)
        except ValueError as problem:
            found.append(_outline(str(problem)))
        else:
            assert parse(community) == community
            found.append("read")
    if len(data) >= 8:
        canonical = extended_community(data[:8])
        assert extended_community_octets(canonical) == data[:8]
        assert parse_extended_community(canonical) == canonical
        found.append(str(is_route_target(canonical)))
    return " ".join(found)


def _words(name: str) -> tuple[bytes, ...]:
    """The words of a file with one a line, in Python's escapes."""
    lines = (Path(__file__).parent / "words" / f"{name}.txt").read_text("ascii").splitlines()
    return tuple(line.encode().decode("unicode_escape").encode("latin-1") for line in lines)


TARGETS: Mapping[str, Target] = {
    run.__name__: Target(run=run, words=_words(run.__name__))
    for run in (
        update,
        mrt,
        policy_file,
        topology_file,
        cases_file,
        routes_file,
        route_words,
        as_path_pattern,
        as_path_text,
        communities,
    )
}
"""By the name that is given to `fuzz.py`, and that of their directory in `corpus`."""
