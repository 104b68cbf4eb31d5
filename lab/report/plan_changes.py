"""What changed between two plans: every node, wire and field, named by its way from the plan's root.

Keys are compared but never quoted: a changed one is only said to have changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import ClassVar

from lab.plan import Plan
from lab.policy import Asked, Policy, Term
from lab.secret import Secret

_UNSAID = ("nodes", "bgp", "rules", "terms", "sets", "ranges", "entries", "patterns")
"""Fields whose names say nothing that their contents do not."""
_NO_CHANGE = ("source",)
"""Fields that tell where something was written, which changes nothing in the lab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """One place where two plans differ; `before` is empty where it was added, `after` where it was removed.

    `secret` says that the values are keys; then they are only `PRESENT` or empty.
    """

    PRESENT: ClassVar[str] = "set"

    what: str
    before: str
    after: str
    secret: bool = False


def changes(old: Plan, new: Plan) -> tuple[PlanChange, ...]:
    """Every change, in the order of the plans' fields."""
    return tuple(_changes("", old, new))


def _changes(what: str, old: object, new: object) -> Iterator[PlanChange]:
    if old == new:
        return
    if isinstance(old, Secret) or isinstance(new, Secret):
        before, after = (PlanChange.PRESENT if isinstance(value, Secret) else "" for value in (old, new))
        yield PlanChange(what=what, before=before, after=after, secret=True)
    elif _is_tree(old) and type(old) is type(new) and (not what or _name(old) == _name(new)):
        for field in fields(old):  # type: ignore[arg-type]  # _is_tree made sure that it is a dataclass
            if field.name in _NO_CHANGE or not field.init:  # what is not given is made of what is
                continue
            part = "" if field.name in _UNSAID else field.name
            before, after = getattr(old, field.name), getattr(new, field.name)
            if isinstance(before, Policy) and _name(before) == _name(after):
                part = f"{part} {before.name}"
            yield from _changes(_join(what, part), before, after)
    elif isinstance(old, tuple) and isinstance(new, tuple) and _are_chains(old, new):
        yield from _chain_changes(what, old, new)
    elif isinstance(old, tuple) and isinstance(new, tuple) and _are_sets(old, new):
        yield from _member_changes(what, old, new)
    else:
        yield PlanChange(what=what, before=_text(old), after=_text(new))


def _chain_changes(what: str, old: tuple[Policy, ...], new: tuple[Policy, ...]) -> Iterator[PlanChange]:
    """A chain of policies is shown as a whole where other policies are in it, and each one that is not as it was."""
    if [one.name for one in old] != [one.name for one in new]:
        yield PlanChange(what=what, before=_text(old), after=_text(new))
    before = {one.name: one for one in old}
    for policy in dict.fromkeys(new):
        yield from _changes(_join(what, policy.name), before.get(policy.name, policy), policy)


def _member_changes(what: str, old: tuple[object, ...], new: tuple[object, ...]) -> Iterator[PlanChange]:
    """Members are the same where their names are; terms, where their numbers are; others, where they are equal."""
    before, after = _keyed(old), _keyed(new)
    for key in {**before, **after}:
        member = before.get(key, after.get(key))
        here, text = (_join(what, key), PlanChange.PRESENT) if _is_tree(member) else (what, key)
        if key not in after:
            yield PlanChange(what=here, before=text, after="")
        elif key not in before:
            yield PlanChange(what=here, before="", after=text)
        else:
            yield from _changes(here, before[key], after[key])
    if set(before) == set(after) and list(before) != list(after):
        yield PlanChange(what=_join(what, "order"), before=", ".join(before), after=", ".join(after))


def _are_chains(*tuples: tuple[object, ...]) -> bool:
    return all(isinstance(one, Policy) for members in tuples for one in members)


def _are_sets(*tuples: tuple[object, ...]) -> bool:
    return all(len(_keyed(members)) == len(members) for members in tuples)


def _keyed(members: tuple[object, ...]) -> dict[str, object]:
    return {_key(member, number): member for number, member in enumerate(members, start=1)}


def _key(member: object, number: int) -> str:
    return f"term {number}" if isinstance(member, Term) else _name(member) or _text(member)


def _name(value: object) -> str:
    """What a part of a plan is called; empty where it has no name, or one that only traces show."""
    name = getattr(value, "name", "") if _is_tree(value) and not isinstance(value, Term) else ""
    return name if isinstance(name, str) else ""


def _is_tree(value: object) -> bool:
    """Whether a value has parts that are told one by one; what has a short text of its own is told as a whole."""
    return is_dataclass(value) and not isinstance(value, type) and (isinstance(value, Asked) or not _has_text(value))


def _has_text(value: object) -> bool:
    return type(value).__str__ is not object.__str__


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(map(_text, value)) or "empty"
    if not is_dataclass(value) or isinstance(value, type) or _has_text(value):
        return str(value)
    return _name(value) or " ".join(
        f"{field.name} {_text(getattr(value, field.name))}" for field in fields(value) if field.init
    )


def _join(what: str, part: str) -> str:
    return f"{what} {part}".strip()
