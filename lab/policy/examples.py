"""Texts that a regular expression matches: a few small ones, from its own alternatives, classes and repetitions.

It reads the part of RE2's syntax that policies use. What it does not understand it passes over, so whoever asks tries
each text before relying on it.
"""

from __future__ import annotations

from itertools import islice, product

MOST = 12
"""Texts of one expression, and of each part of it."""
LONGEST = 250
"""Characters of a text: nested repetitions multiply."""
_ALPHABET = "1234567890 :,{}()"
_CLASSES = {"d": "0123456789", "w": "0123456789", "s": " "}
_REPEATS = {"*": (0, 1, 2), "+": (1, 2), "?": (0, 1)}


def examples(pattern: str, *, underscore: str = "_") -> tuple[str, ...]:
    """Texts that should match; `underscore` is what `_` stands for."""
    return tuple(dict.fromkeys(_Reader(pattern, underscore).alternatives()))[:MOST]


class _Reader:
    """One pattern, read from left to right."""

    def __init__(self, pattern: str, underscore: str) -> None:
        self._pattern = pattern.replace("[:digit:]", "0-9")
        self._underscore = underscore
        self._at = 0

    def alternatives(self) -> list[str]:
        """What stands up to the end, or to the bracket that closes."""
        found = self._sequence()
        while self._take("|"):
            found = _shared(found, self._sequence())
        return found

    def _sequence(self) -> list[str]:
        texts = [""]
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            texts = _joined(texts, self._repeated(self._atom()))
        return texts

    def _atom(self) -> list[str]:
        one = self._pattern[self._at]
        self._at += 1
        if one == "[":
            return self._class()
        if one == "(":
            return self._group()
        if one == "\\":
            return self._escape()
        return [{"^": "", "$": "", ".": "1", "_": self._underscore}.get(one, one)]

    def _group(self) -> list[str]:
        inside = self.alternatives()
        self._take(")")
        return inside

    def _escape(self) -> list[str]:
        one = self._pattern[self._at : self._at + 1]
        self._at += 1
        if one in ("b", "B", "A", "z"):
            return [""]
        return _ends(_CLASSES[one]) if one in _CLASSES else [one]

    def _class(self) -> list[str]:
        negated = self._take("^")
        members = ""
        while self._at < len(self._pattern) and (self._pattern[self._at] != "]" or not members):
            one = self._pattern[self._at]
            self._at += 1
            if one == "\\":
                escaped = self._pattern[self._at : self._at + 1]
                self._at += 1
                members += _CLASSES.get(escaped, escaped)
            elif one == "-" and members and self._pattern[self._at : self._at + 1] not in ("", "]"):
                last = self._pattern[self._at]
                self._at += 1
                members += "".join(map(chr, range(ord(members[-1]) + 1, min(ord(last), 0x7E) + 1)))
            else:
                members += one
        self._take("]")
        return _ends("".join(one for one in _ALPHABET if one not in members) if negated else members)

    def _repeated(self, texts: list[str]) -> list[str]:
        found = texts
        while (times := self._times()) is not None:
            repeated = ([one * count for one in found] for count in dict.fromkeys(times))
            found = [one for one in _shared(*repeated) if len(one) <= LONGEST]
        return found

    def _times(self) -> tuple[int, ...] | None:
        one = self._pattern[self._at : self._at + 1]
        if one in _REPEATS and one:
            self._at += 1
            return _REPEATS[one]
        if one != "{":
            return None
        end = self._pattern.find("}", self._at)
        low, comma, high = self._pattern[self._at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal():
            return None
        self._at = end + 1
        least = min(int(low), MOST)
        return (least, min(int(high), MOST) if high.isdecimal() else least + 1) if comma else (least,)

    def _take(self, one: str) -> bool:
        found = self._pattern[self._at : self._at + 1] == one
        self._at += found
        return found


def _ends(members: str) -> list[str]:
    """The first and the last member of a class, and one between them."""
    return list(dict.fromkeys(members[at] for at in (0, -1, len(members) // 2))) if members else []


def _joined(left: list[str], right: list[str]) -> list[str]:
    """Each text of one part before each of the next, such that every text of both is in some."""
    crossed = ("".join(pair) for pair in product(left, right))
    longest = max(len(left), len(right)) if left and right else 0
    in_step = (left[at % len(left)] + right[at % len(right)] for at in range(longest))
    return [one for one in islice(dict.fromkeys([*in_step, *crossed]), MOST) if len(one) <= LONGEST]


def _shared(*parts: list[str]) -> list[str]:
    """Texts of all the parts, the first ones of each first."""
    longest = max(map(len, parts))
    return list(islice(dict.fromkeys(part[at] for at in range(longest) for part in parts if at < len(part)), MOST))
