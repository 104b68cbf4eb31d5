"""Regular expressions on AS paths as BIRD's path masks, which know whole AS numbers and no digits.

A mask is `[= 12076 * =]`: numbers, sets of them, `?` for any one, `+` for one or more and `*` for any of them. It can
say what an expression says of whole numbers: `_65001_`, `^12076_[0-9]+$`, `^6500[1-5](_65010)?$`. Where the text of a
number ends in the middle of the expression, as in `65001$`, which 165001 matches too, there is no mask for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from lab.vendors.bird.numbers import Ranges, ranges_of

_MOST_ALTERNATIVES = 200
_MOST_NUMBERS = 10_000
_LARGEST_ASN = 0xFFFFFFFF
_TOKEN = re.compile(
    r"(?P<any_number>(?:\[0-9\]|\\d)\+)|(?P<anything>\.\*)|(?P<digits>[0-9]|\[[0-9-]+\]|\\d)|(?P<mark>[\^$_ ])"
    r"|(?P<group>[(|)]\??)",
    re.ASCII,
)


class NoMaskError(ValueError):
    """An expression that no mask says, and why."""


@dataclass(frozen=True, slots=True)
class _Word:
    """The digits of one AS number, one set for each place; without any, whatever number."""

    places: tuple[str, ...] = ()

    def mask(self) -> str:
        if not self.places:
            return "?"
        ranges = self.numbers()
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return str(ranges[0][0])
        return f"[{', '.join(str(low) if low == high else f'{low}..{high}' for low, high in ranges)}]"

    def numbers(self) -> Ranges:
        """The AS numbers that are meant: none begins with 0."""
        count = 1
        for place in self.places:
            count *= len(place)
        if count > _MOST_NUMBERS:
            raise NoMaskError("it means too many numbers")
        found = (int("".join(digits)) for digits in product(*self.places) if digits[0] != "0")
        return ranges_of(one for one in found if one <= _LARGEST_ASN)


_Piece = str | _Word
"""One of `^ $ _ .*`, or a number."""


def masks(pattern: str) -> list[str] | None:
    """The masks one of which a path has to match; None where every path does. Raises NoMaskError."""
    found: list[str] = []
    alternatives = _Reader(pattern).alternatives()
    for one in alternatives:
        mask = _mask(one)
        if mask is None:
            return None
        if mask:
            found.append(mask)
    return list(dict.fromkeys(found))


class _Reader:
    """Reads a pattern into alternatives, each a sequence of pieces."""

    def __init__(self, pattern: str) -> None:
        self._tokens = list(_tokens(pattern))
        self._at = 0

    def alternatives(self) -> list[tuple[_Piece, ...]]:
        found = self._choice()
        if self._at < len(self._tokens):
            raise NoMaskError("a bracket is not opened")
        return [tuple(_words(one)) for one in found]

    def _choice(self) -> list[tuple[str, ...]]:
        found = self._sequence()
        while self._next() == "|":
            self._at += 1
            found = [*found, *self._sequence()]
        return found

    def _sequence(self) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = [()]
        while (token := self._next()) and token not in ("|", ")", ")?"):
            self._at += 1
            if token == "(":  # noqa: S105  # a bracket
                inner = self._choice()
                closing = self._next()
                if closing not in (")", ")?"):
                    raise NoMaskError("a bracket is not closed")
                self._at += 1
                further = [*inner, ()] if closing == ")?" else inner
            else:
                further = [(token,)]
            if len(found) * len(further) > _MOST_ALTERNATIVES:
                raise NoMaskError("it has too many alternatives")
            found = [(*one, *more) for one in found for more in further]
        return found

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""


def _tokens(pattern: str) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None or found[0] in ("(?", "|?") or pattern[found.end() : found.end() + 1] in ("*", "+", "?", "{"):
            raise NoMaskError(f"there is no mask for {pattern[at:]!r}")
        at = found.end()
        yield found[0]


def _words(pieces: tuple[str, ...]) -> Iterator[_Piece]:
    """The pieces with the digits that stand together made numbers."""
    places: list[str] = []
    for number, piece in enumerate(pieces):
        if piece[0].isdigit() or piece == r"\d" or (piece[0] == "[" and piece[-1] == "]"):
            places.append(_digits(piece))
            continue
        if places:
            yield _Word(tuple(places))
            places = []
        if piece[-1] == "+":
            if number + 1 < len(pieces) and pieces[number + 1] not in ("_", " ", "$", ".*"):
                raise NoMaskError("digits follow any number of digits")
            if number and pieces[number - 1] not in ("_", " ", "^"):
                raise NoMaskError("any number of digits follows digits")
            yield _Word()
        else:
            yield "_" if piece == " " and 0 < number < len(pieces) - 1 else piece
    if places:
        yield _Word(tuple(places))


def _digits(text: str) -> str:
    if text == r"\d":
        return "0123456789"
    if len(text) == 1:
        return text
    inside, found = text[1:-1], ""
    for part in re.findall(r"[0-9]-[0-9]|[0-9]|-", inside):
        if part == "-" or part[0] > part[-1]:
            raise NoMaskError(f"there is no mask for {text!r}")
        found += "".join(str(digit) for digit in range(int(part[0]), int(part[-1]) + 1))
    return "".join(sorted(set(found)))


def _mask(pieces: tuple[_Piece, ...]) -> str | None:
    """The mask of a sequence; None where every path matches, empty where none does."""
    numbers = [number for number, piece in enumerate(pieces) if isinstance(piece, _Word)]
    if not numbers:
        return _without_numbers(pieces)
    first, last = numbers[0], numbers[-1]
    parts = _left(pieces[:first], pieces[first])
    for here, there in zip(numbers, [*numbers[1:], None], strict=True):
        word = pieces[here]
        if not isinstance(word, _Word):  # for the type checker
            continue
        if word.places and not word.numbers():
            return ""
        parts.append(word.mask())
        if there is not None:
            parts += _between(pieces[here + 1 : there])
    return f"[= {' '.join(parts + _right(pieces[last + 1 :], pieces[last]))} =]"


def _without_numbers(pieces: tuple[_Piece, ...]) -> str | None:
    if pieces == ("^", "$"):
        return "[= =]"
    if pieces in ((), ("^",), ("$",), ("_",), (".*",), ("^", ".*"), (".*", "$"), ("^", ".*", "$")):
        return None
    raise NoMaskError("it asks for characters and no AS numbers")


def _left(pieces: tuple[_Piece, ...], word: _Piece) -> list[str]:
    """What stands before the first number."""
    if pieces in (("^",), ("^", "_")):
        return []
    if pieces in (("_",), (".*", "_"), ("^", ".*", "_")) or (pieces in ((), (".*",)) and word == _Word()):
        return ["*"]
    raise NoMaskError("it does not say where its first number begins: write _ or ^ before it")


def _between(pieces: tuple[_Piece, ...]) -> list[str]:
    if pieces == ("_",):
        return []
    if pieces == ("_", ".*", "_"):
        return ["+"]
    raise NoMaskError("it does not say where its numbers end: write _ between them, or _.*_")


def _right(pieces: tuple[_Piece, ...], word: _Piece) -> list[str]:
    """What stands behind the last number."""
    if pieces in (("$",), ("_", "$")):
        return []
    if pieces in (("_",), ("_", ".*"), ("_", ".*", "$")) or (pieces in ((), (".*",), (".*", "$")) and word == _Word()):
        return ["*"]
    raise NoMaskError("it does not say where its last number ends: write _ or $ behind it")
