"""What a term sets, as GoBGP sets it: steps, of which a statement takes one."""

from __future__ import annotations

from itertools import groupby

from lab.bgp import Community, ExtendedCommunity, LargeCommunity, family_of
from lab.policy import Change, CommunityChange, CommunitySet, NextHopRule, NumberChange, Operation
from lab.policy.changes import WEIGHT_MAX
from lab.vendors.gobgp.conditions import Direction, administrator, extended_expression
from lab.vendors.gobgp.patterns import NotSaidError, community_expression
from lab.vendors.gobgp.statements import Does, Kind, prepend, set_communities, set_next_hop, set_number

Step = tuple[Does, ...]
"""Changes of different attributes, which one statement makes."""
_MOST_TIMES = 255  # GoBGP keeps the number in an octet


def steps_of(change: Change, where: Direction, held: tuple[str, ...]) -> tuple[Step, ...]:
    """The changes of a term in the order in which they have to be made. Raises NotSaidError.

    `held` are large communities that mark the route, and stay where all others are replaced.
    """
    _refuse(change, where)
    of_each = (
        _prepended(change, where),
        _communities(Kind.COMMUNITY, change.communities),
        _communities(Kind.LARGE_COMMUNITY, change.large_communities, held),
        _extended(change),
        _numbers(change),
        _next_hop(change, where),
    )
    most = max(len(one) for one in of_each)
    return tuple(tuple(does for one in of_each for does in one[number : number + 1]) for number in range(most))


def _refuse(change: Change, where: Direction) -> None:
    unsaid = {
        "as_path": change.as_path is not None,
        "replace_asns": bool(change.replace_asns),
        "remove_private_asns": change.remove_private_asns is not None,
        "origin": change.origin is not None,
        "weight": change.weight is not None and not _keeps_weight(change.weight, where),
    }
    meant = {"remove_private_asns": "write it as a rule of the session", "weight": "set local_pref"}
    for name, asked in unsaid.items():
        if asked:
            raise NotSaidError(f"set: {name}", meant.get(name, "leave it out"))


def _keeps_weight(weight: NumberChange, where: Direction) -> bool:
    """Whether the weight stays 0, as a received route has it."""
    return not where.exports and min(weight.apply(0) or 0, WEIGHT_MAX) == 0


def _numbers(change: Change) -> tuple[Does, ...]:
    found = []
    local_pref, med = change.local_pref, change.multi_exit_disc
    if local_pref is not None:
        if local_pref.operation is not Operation.SET or local_pref.value == 0:
            raise NotSaidError(f"set: local_pref {local_pref}", "set a number above 0")
        found.append(set_number("set-local-pref", str(local_pref.value)))
    if med is not None:
        if med.operation in (Operation.REMOVE, Operation.MINUS):
            raise NotSaidError(f"set: med {med}", "set a number, or add to it")
        found.append(set_number("set-med", f'"{med}"'))
    # one key each, so both are in one step
    if not found:
        return ()
    lines = tuple(line for does in found for line in does.lines)
    return (Does(kind=None, lines=lines, attribute="numbers"),)


def _prepended(change: Change, where: Direction) -> tuple[Does, ...]:
    """Every AS number that differs from the one before it takes a step of its own, the oldest one first."""
    found = []
    if change.prepend_last:
        if where.adds_own_as:
            raise NotSaidError("set: prepend last_asn at an export to another AS", "prepend the own AS")
        found.append(prepend("last-as", change.prepend_last))
    if where.adds_own_as and set(change.prepend) - {where.session.local_asn}:
        what = "set: prepend of an AS that is not the own one at an export to another AS"
        raise NotSaidError(f"{what}: GoBGP would put it before the own one", "prepend the own AS")
    for asn, group in groupby(reversed(change.prepend)):
        found.append(prepend(str(int(asn)), len(list(group))))
    return tuple(found)


def _communities(
    kind: Kind,
    change: CommunityChange[Community] | CommunityChange[LargeCommunity] | None,
    held: tuple[str, ...] = (),
) -> tuple[Does, ...]:
    if change is None:
        return ()
    if change.replace is not None:
        whole: tuple[str, ...] = (*change.apply(()), *held)
        # with none GoBGP takes no change for meant
        return (set_communities(kind, "replace", whole) if whole else set_communities(kind, "remove", (".*",)),)
    found = []
    if change.remove:
        gone = tuple(dict.fromkeys(community_expression(pattern) for one in change.remove for pattern in one.patterns))
        found.append(set_communities(kind, "remove", gone))
    if change.add:
        found.append(set_communities(kind, "add", tuple(change.add)))
    return tuple(found)


def _extended(change: Change) -> tuple[Does, ...]:
    """Of extended communities GoBGP leaves an empty attribute where none stays, which is an error (RFC 7606 §7.14)."""
    communities, targets = change.extended_communities, change.route_targets
    kind, found = Kind.EXTENDED_COMMUNITY, list[Does]()
    added = () if communities is None else communities.add
    if communities is not None and communities.replace is not None:
        whole = communities.apply(())
        if targets is not None:
            whole = (*(one for one in whole if not one.startswith("target:")), *targets)
        if not whole:
            raise NotSaidError("set: no extended communities", "leave one")
        return (set_communities(kind, "replace", _named(whole)),)
    removed = () if communities is None else communities.remove
    gone = [extended_expression(pattern) for one in removed for pattern in one.patterns]
    if targets is not None:
        gone.append("rt:.*")
        added = (*(one for one in added if not one.startswith("target:")), *targets)
    if gone and not added:
        raise NotSaidError("set: extended communities removed and none added", "add one in the same term")
    if gone:
        found.append(set_communities(kind, "remove", tuple(dict.fromkeys(gone))))
    if added:
        found.append(set_communities(kind, "add", _named(added)))
    return tuple(found)


def _named(communities: tuple[ExtendedCommunity, ...]) -> tuple[str, ...]:
    names = {"target": "rt", "origin": "soo"}
    found = []
    for one in communities:
        kind, _, rest = one.partition(":")
        if kind not in names:
            raise NotSaidError(f"set: the extended community {one}", "set a route target or a route origin")
        found.append(f"{names[kind]}:{administrator(one)}:{rest.rpartition(':')[2]}")
    return tuple(found)


def _next_hop(change: Change, where: Direction) -> tuple[Does, ...]:
    if change.next_hop is not None and family_of(change.next_hop) is where.session.family:
        return (set_next_hop(str(change.next_hop)),)
    if change.next_hop_rule is None:
        return ()
    if where.exports and where.session.ebgp and change.next_hop_rule is NextHopRule.UNCHANGED:
        what = "set: next_hop unchanged at an export to another AS: GoBGP would send own routes without one"
        raise NotSaidError(what, "leave it out, or set an address")
    return (set_next_hop(change.next_hop_rule.value),)


def removed_of(change: Change) -> tuple[CommunitySet, ...]:
    """The sets of large communities that a change takes away."""
    return () if change.large_communities is None else change.large_communities.remove
