"""Regular expressions on AS paths and communities, matched by RE2 in time linear in the text.

A backtracking matcher takes exponential time on expressions that look harmless; a policy file is data from a user and
must not be able to stop a router (docs/decisions/0010-re2-for-patterns.md).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Protocol

import re2

LONGEST_PATTERN = 200
"""Characters. The longest in published configurations are some tens."""
_MEMORY_BYTES = 1 << 20
_DELIMITER = r"(^|[ ,{}()\[\]]|$)"
_CLASS_OR_ESCAPE = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*\]|_", re.DOTALL)


class _Matcher(Protocol):
    def search(self, text: str) -> object: ...


def check_as_path_pattern(pattern: str) -> None:
    """Refuse an AS-path pattern that cannot be matched. Raises ValueError."""
    _as_path_matcher(pattern)


def check_community_pattern(pattern: str) -> None:
    """Refuse a community pattern that cannot be matched. Raises ValueError."""
    _community_matcher(pattern)


def as_path_matches(pattern: str, text: str) -> bool:
    """Whether a Cisco-style pattern is found in an AS path's text.

    `_` stands for the beginning, the end, or one of ` ,{}()[]`, and takes it, as in IOS and FRR.
    """
    return _as_path_matcher(pattern).search(text) is not None


def community_matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in the text of one community."""
    return _community_matcher(pattern).search(text) is not None


@cache  # as many as the policies have: one that fell out would be compiled for every route
def _as_path_matcher(pattern: str) -> _Matcher:
    _check(pattern)
    return _matcher(pattern, _CLASS_OR_ESCAPE.sub(_translated, pattern))


@cache  # as many as the policies have: one that fell out would be compiled for every route
def _community_matcher(pattern: str) -> _Matcher:
    _check(pattern)
    return _matcher(pattern, pattern)


def _translated(found: re.Match[str]) -> str:
    return _DELIMITER if found[0] == "_" else found[0]


def _check(pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"the pattern has {len(pattern)} characters: at most {LONGEST_PATTERN}")
    if not pattern.isascii():
        raise ValueError(f"the pattern {pattern!r} is not ASCII")


def _matcher(pattern: str, translated: str) -> _Matcher:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    options.never_capture = True
    options.posix_syntax = True  # as IOS and FRR have it: in `1+?` the ? makes it optional, and nothing is lazy
    options.one_line = True
    options.perl_classes = True
    options.word_boundary = True
    try:
        matcher: _Matcher = re2.compile(translated, options)
    except re2.error as problem:
        says = problem.args[0].decode(errors="replace") if isinstance(problem.args[0], bytes) else str(problem)
        raise ValueError(f"the pattern {pattern!r} cannot be read: {says.replace(translated, pattern)}") from None
    return matcher
