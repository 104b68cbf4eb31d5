"""The policy language: chains of policies, each an ordered list of terms with conditions, changes and a fate.

`evaluate` answers with the fate of a route and the trace of every term that it tried; `compiled` gives the same answer
without the trace, for a router that asks it of every route. A route that nothing decides is rejected, as with every
vendor's route map.
"""

from lab.policy.aspects import NOWHERE, Context
from lab.policy.changes import (
    NO_CHANGE,
    Change,
    CommunityChange,
    ContextMissingError,
    NextHopRule,
    NumberChange,
    Operation,
)
from lab.policy.compiled import Compiled, compiled
from lab.policy.conditions import Condition, Match
from lab.policy.evaluation import DECIDED, Fate, Outcome, Policy, Step, Term, evaluate
from lab.policy.session import NO_RULES, SessionRules
from lab.policy.sets import (
    Asked,
    AsPathEntry,
    AsPathSet,
    CommunityPattern,
    CommunitySet,
    NumberRange,
    PatternKind,
    PrefixList,
    PrefixRange,
    Quantifier,
)

__all__ = [
    "DECIDED",
    "NOWHERE",
    "NO_CHANGE",
    "NO_RULES",
    "AsPathEntry",
    "AsPathSet",
    "Asked",
    "Change",
    "CommunityChange",
    "CommunityPattern",
    "CommunitySet",
    "Compiled",
    "Condition",
    "Context",
    "ContextMissingError",
    "Fate",
    "Match",
    "NextHopRule",
    "NumberChange",
    "NumberRange",
    "Operation",
    "Outcome",
    "PatternKind",
    "Policy",
    "PrefixList",
    "PrefixRange",
    "Quantifier",
    "SessionRules",
    "Step",
    "Term",
    "compiled",
    "evaluate",
]
