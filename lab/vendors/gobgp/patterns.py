"""Our regular expressions as GoBGP reads them: with Go's package regexp, on the same texts of paths and communities.

GoBGP puts its own meaning in place of every `_`, and takes some plain expressions for other things than expressions;
what is written here has neither.
"""

from __future__ import annotations

import re

from lab.bgp import Asn
from lab.policy import CommunityPattern, PatternKind


class NotSaidError(ValueError):
    """GoBGP's policy language has no words for something; `meant` is what to do instead."""

    def __init__(self, what: str, meant: str) -> None:
        super().__init__(what)
        self.meant = meant


_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*\]|.", re.DOTALL)
_AMONG = r"[ ,{}()\[\]]"
_DELIMITER = rf"(?:^|{_AMONG}|$)"
_LAZY = re.compile(r"[*+?}]\?")


def as_path_expression(pattern: str) -> str:
    """A Cisco-style pattern, found anywhere in the text of a path. Raises NotSaidError."""
    return f"(?:{''.join(_DELIMITER if one == '_' else one for one in _parts(pattern))})"


def behind_own_as(pattern: str, own_asn: Asn) -> str:
    """The same for the text of a path before which the own AS was put, which it does not see. Raises NotSaidError."""
    parts = _parts(pattern)
    anchored = parts[:1] == ["^"]
    rest = parts[1:] if anchored else parts
    delimited = rest[:1] == ["_"]
    rest = rest[1:] if delimited else rest
    if "^" in rest or "|" in rest:
        raise _own_as_there(pattern)
    if "_" in rest and not _begins_with_something(rest):
        raise _own_as_there(pattern)
    before = "" if anchored else ".*"
    if delimited:
        before = f"{_AMONG}?" if anchored else f"(?:.*(?:{_AMONG}|$))?"
    body = "".join(_DELIMITER if one == "_" else one for one in rest)
    return f"^{own_asn}(?: |$){before}{body}"


def _own_as_there(pattern: str) -> NotSaidError:
    what = f"match: as_path {pattern} at an export to another AS: GoBGP has put the own one before the path"
    return NotSaidError(what, "write it as ^… or _…, without | and another ^, or match at the import")


def _begins_with_something(parts: list[str]) -> bool:
    """Whether the first part takes a character, whatever follows it."""
    takes = parts[0] not in {"$", "(", ")", "_", "*", "+", "?", "{"}
    return takes and (len(parts) == 1 or parts[1] not in {"*", "?", "{"})


def _parts(pattern: str) -> list[str]:
    """The parts of a pattern, character by character but for escapes and classes. Raises NotSaidError."""
    parts = [one.replace("_", r"\x5f") if len(one) > 1 else one for one in _PART.findall(pattern)]
    if _LAZY.search("".join(one if len(one) == 1 else "x" for one in parts)):
        what = f"the expression {pattern}: to GoBGP a ? behind *, +, ? or }} makes these lazy"
        raise NotSaidError(what, "put what it is behind in parentheses")
    return parts


def community_expression(pattern: CommunityPattern) -> str:
    """A member of a set of standard or large communities. Raises NotSaidError.

    Where GoBGP sees numbers between colons it takes the whole for a community and no part of one.
    """
    if pattern.kind is PatternKind.EXACT:
        return pattern.text
    if pattern.kind is PatternKind.WILDCARD:
        return f"^{pattern.text.replace('*', '[0-9]+')}$"
    return f"(?:{''.join('[:]' if one == ':' else one for one in _parts(pattern.text))})"


def either(expressions: list[str]) -> str:
    """One expression for several members of a set of communities."""
    if len(expressions) == 1:
        return expressions[0]
    return "|".join(f"(?:^{one}$)" if one[0].isdigit() else f"(?:{one})" for one in expressions)
