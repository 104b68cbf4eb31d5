"""Our policies in BIRD's filter language.

Each policy becomes a function that returns a fate, and each direction of a session a filter that asks the functions of
its chain in turn. What BIRD cannot say is remembered with its place.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import BLACKHOLE, GRACEFUL_SHUTDOWN, GRACEFUL_SHUTDOWN_LOCAL_PREF, NO_EXPORT, RemovePrivate
from lab.plan import NodePlan, SessionPlan
from lab.policy import Fate, Policy, Term
from lab.vendors import Cannot
from lab.vendors.bird import communities
from lab.vendors.bird.changes import PRIVATE_ASNS, Changes
from lab.vendors.bird.conditions import FALSE, Conditions
from lab.vendors.bird.unsaid import Unsaid

_FATES = {Fate.REJECT: "REJECTED", Fate.ACCEPT: "ACCEPTED", Fate.NEXT_POLICY: "UNDECIDED"}
"""What functions return, as names of BIRD's that are defined once."""


def protocol_of(session: SessionPlan) -> str:
    """The name of a session's protocol in BIRD; where a name of BIRD's is asked for it stands in quotes."""
    return f"{session.neighbor}-{session.family.value}"


class Filters:
    """The functions and filters of a router's sessions, and what BIRD cannot say of them."""

    def __init__(self, node: NodePlan) -> None:
        self.lines: list[str] = [f"define {name} = {number};" for number, name in enumerate(_FATES.values())]
        self.cannot: list[Cannot] = []
        self._node = node

    def of_import(self, session: SessionPlan) -> str:
        """The name of the filter of what a session brings."""
        rules = session.rules
        chain = self._chain(session, rules.import_policies, on_import=True)
        lines = [f"bgppath own = filter(bgp_path, [{session.local_asn}]);"]
        lines.append(f"if own.len > {rules.allowas_in} then reject;  # RFC 4271 §9.1.2")
        if session.ebgp:
            lines.append("unset(bgp_local_pref);  # the neighbour has no say in it; absent is 100")
        lines += chain.lines
        if rules.accept_blackhole:
            lines.append(f"if {communities.standard(BLACKHOLE)} ~ bgp_community then {{  # RFC 7999 §3.2")
            lines += [f"  bgp_community.add({communities.standard(NO_EXPORT)});", "  dest = RTD_BLACKHOLE;", "}"]
        if session.ebgp:
            lowest = f"bgp_local_pref = {GRACEFUL_SHUTDOWN_LOCAL_PREF};"
            lines.append(f"if {communities.standard(GRACEFUL_SHUTDOWN)} ~ bgp_community then {lowest}  # RFC 8326 §4.1")
        return self._filter(f"{protocol_of(session)}.import", lines)

    def of_export(self, session: SessionPlan) -> tuple[str, bool]:
        """The name of the filter of what a session is sent, and whether it may choose next hops."""
        chain = self._chain(session, session.rules.export_policies, on_import=False)
        lines = []
        if session.ebgp:
            lines.append("if source = RTS_BGP then unset(bgp_med);  # RFC 4271 §5.1.4")
        lines += chain.lines
        if session.rules.remove_private_asns is RemovePrivate.ALL:
            lines.append(f"bgp_path.delete({PRIVATE_ASNS});")
        return self._filter(f"{protocol_of(session)}.export", lines), chain.changes.sets_next_hop

    def _chain(self, session: SessionPlan, policies: tuple[Policy, ...], *, on_import: bool) -> _Chain:
        chain = _Chain(self._node, session, policies, on_import=on_import)
        self.lines += chain.functions
        self.cannot += chain.unsaid.found
        return chain

    def _filter(self, name: str, lines: list[str]) -> str:
        self.lines += ["", f"filter '{name}' {{", *(f"  {line}" for line in lines), "  accept;", "}"]
        return name


class _Chain:
    """The chain of policies of one direction of a session: its functions, and the lines of the filter that ask them."""

    def __init__(self, node: NodePlan, session: SessionPlan, policies: tuple[Policy, ...], *, on_import: bool) -> None:
        self.functions: list[str] = []
        self.unsaid = Unsaid()
        self.changes = Changes(node, session, self.unsaid, on_import=on_import)
        self._conditions = Conditions(session, self.unsaid)
        self._prefix = f"{protocol_of(session)}.{'import' if on_import else 'export'}"
        self._named: dict[int, str] = {}
        self.lines = list(self._asked([self._function(policy) for policy in policies], ebgp=session.ebgp))

    @staticmethod
    def _asked(names: list[str], *, ebgp: bool) -> Iterator[str]:
        """The lines that reject what the chain does not accept: without policies that is everything on eBGP."""
        if not names:
            yield from ["reject;  # no policy (RFC 8212)"] if ebgp else []
            return
        yield f"int fate = '{names[0]}'();"
        yield from (f"if fate = {_FATES[Fate.NEXT_POLICY]} then fate = '{name}'();" for name in names[1:])
        yield f"if fate != {_FATES[Fate.ACCEPT]} then reject;"

    def _function(self, policy: Policy) -> str:
        """The name of a policy's function, which is made the first time."""
        if id(policy) in self._named:
            return self._named[id(policy)]
        called = {id(term.call): self._function(term.call) for term in policy.terms if term.call is not None}
        name = self._named[id(policy)] = f"{self._prefix}.{len(self._named) + 1}"
        lines: list[str] = []
        decided = False
        for number, term in enumerate(policy.terms, start=1):
            self.unsaid.be_at(policy, number)
            conditions = self._conditions.of(term.match)
            decided = decided or (not conditions and term.fate is not Fate.NEXT_TERM)
            lines += self._term(number, term, conditions, called.get(id(term.call), ""))
        if not decided:
            lines.append(f"return {_FATES[policy.default]};")
        self.functions += ["", f"# {policy.name}", f"function '{name}'()", "{", *(f"  {one}" for one in lines), "}"]
        return name

    def _term(self, number: int, term: Term, conditions: list[str], called: str) -> Iterator[str]:
        inside: list[str] = []
        if term.fate is not Fate.REJECT:
            inside += self.changes.of(term.change)
            if called:
                inside.append(f"if '{called}'() != {_FATES[Fate.ACCEPT]} then return {_FATES[Fate.REJECT]};")
        if term.fate is not Fate.NEXT_TERM:
            inside.append(f"return {_FATES[term.fate]};")
        if FALSE in conditions or not inside:
            return
        yield f"# term {number}{f': {term.name}' if term.name else ''}"
        if conditions:
            inside = [f"if {' && '.join(conditions)} then {{", *(f"  {line}" for line in inside), "}"]
        yield from inside
