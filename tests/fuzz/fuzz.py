"""A fuzzer for the parsers of `targets.py`: `python tests/fuzz/fuzz.py TARGET --count N --seed S`.

The same seed gives the same inputs. An input that a parser takes in a way not seen before joins those that later ones
are made of; `--save DIR` writes them, made as small as they go the same way. The first failure ends the run: its input
is made small, written to a file and named. Exit status: 0, no failure; 1, a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"
TIME_LIMIT_S = 2.0
LONGEST = 4096
"""Octets of an input; an UPDATE has at most as many (RFC 4271 §4)."""
_POOL = 4000
_NUMBERS = (0, 1, 2, 3, 4, 0x0F, 0x10, 0x20, 0x21, 0x40, 0x7F, 0x80, 0x81, 0xC0, 0xFE, 0xFF)


class Hang(Exception):  # noqa: N818  # reads as what happened
    """A parser did not come back in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An input that a parser failed on, and how."""

    data: bytes
    kind: str
    text: str


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What a run of the fuzzer found so far. `ways` holds an input for each way that the parser went."""

    executions: int = 0
    duration_s: float = 0.0
    slowest_s: float = 0.0
    slowest: bytes = b""
    ways: dict[str, bytes] = field(default_factory=dict)
    failure: Failure | None = None


def seeds(name: str) -> list[bytes]:
    """The inputs of a target that are kept in the repository."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise Hang(f"no result after {TIME_LIMIT_S} s")


def attempt(run: Callable[[bytes], str], data: bytes, limit_s: float = TIME_LIMIT_S) -> str | Failure:
    """The way that a parser goes with an input, or its failure."""
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        return run(data)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as problem:  # noqa: BLE001  # whatever a parser raises here is a finding
        return Failure(data=data, kind=type(problem).__name__, text=traceback.format_exc())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def campaign(target: Target, corpus: Sequence[bytes], count: int, seed: int, limit_s: float = TIME_LIMIT_S) -> Campaign:
    """Run a parser on every input of a corpus, and on so many that are made of them. The first failure ends it."""
    found = Campaign()
    mutator = Mutator(seed, target.words)
    pool = list(corpus) or [b""]
    began = time.perf_counter()
    for data in _inputs(corpus, pool, mutator, count):
        at = time.perf_counter()
        way = attempt(target.run, data, limit_s)
        took_s = time.perf_counter() - at
        found.executions += 1
        if took_s > found.slowest_s:
            found.slowest_s, found.slowest = took_s, data
        if isinstance(way, Failure):
            small = shrunk(target.run, data, way, limit_s)
            again = attempt(target.run, small, limit_s)
            found.failure = again if isinstance(again, Failure) else way
            break
        if way not in found.ways:
            found.ways[way] = data
            if len(pool) < _POOL:
                pool.append(data)
    found.duration_s = time.perf_counter() - began
    return found


def _inputs(corpus: Sequence[bytes], pool: Sequence[bytes], mutator: Mutator, count: int) -> Iterator[bytes]:
    yield from corpus
    for _ in range(count):
        yield mutator.made_of(pool)


def shrunk(run: Callable[[bytes], str], data: bytes, outcome: str | Failure, limit_s: float = TIME_LIMIT_S) -> bytes:
    """A shorter input with the same outcome, made by leaving out pieces."""
    piece = max(1, len(data) // 2)
    while True:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + piece :]
            if _same(attempt(run, shorter, limit_s), outcome):
                data = shorter
            else:
                at += piece
        if piece == 1:
            return data
        piece = max(1, piece // 2)


def _same(one: str | Failure, two: str | Failure) -> bool:
    if isinstance(one, Failure) and isinstance(two, Failure):
        return one.kind == two.kind
    return one == two


class Mutator:
    """Makes inputs out of others: changed bits, octets and lengths, pieces left out, repeated, and put together."""

    def __init__(self, seed: int, words: Sequence[bytes]) -> None:
        self._random = random.Random(seed)  # noqa: S311  # what is random here must come again
        self._words = words or (b"\0",)
        self._changes: tuple[Callable[[bytearray], None], ...] = (
            self._flip_bit,
            self._set_octet,
            self._insert_octets,
            self._leave_out,
            self._repeat,
            self._insert_word,
            self._overwrite_with_word,
            self._change_number,
            self._change_length,
        )

    def made_of(self, pool: Sequence[bytes]) -> bytes:
        """A new input."""
        data = bytearray(self._random.choice(pool))
        if self._random.random() < 0.2:
            self._splice(data, self._random.choice(pool))
        for _ in range(1 << self._random.randrange(5)):
            self._random.choice(self._changes)(data)
        return bytes(data[:LONGEST])

    def _place(self, data: bytearray) -> int:
        return self._random.randrange(len(data)) if data else 0

    def _splice(self, data: bytearray, other: bytes) -> None:
        start = self._random.randrange(len(other) + 1)
        data[self._place(data) :] = other[start:]

    def _flip_bit(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] ^= 1 << self._random.randrange(8)

    def _set_octet(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] = self._random.choice(_NUMBERS)

    def _insert_octets(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self._random.randbytes(1 + self._random.randrange(8))

    def _leave_out(self, data: bytearray) -> None:
        at = self._place(data)
        del data[at : at + 1 + self._random.randrange(16)]

    def _repeat(self, data: bytearray) -> None:
        at = self._place(data)
        piece = data[at : at + 1 + self._random.randrange(32)]
        data[at:at] = piece * (1 + self._random.randrange(3))

    def _insert_word(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self._random.choice(self._words)

    def _overwrite_with_word(self, data: bytearray) -> None:
        at = self._place(data)
        word = self._random.choice(self._words)
        data[at : at + len(word)] = word

    def _change_number(self, data: bytearray) -> None:
        """A big-endian number of 1, 2 or 4 octets, made a little larger or smaller, or one of the extremes."""
        octets = self._random.choice((1, 2, 4))
        at = self._place(data)
        largest = (1 << 8 * octets) - 1
        value = int.from_bytes(data[at : at + octets])
        changed = self._random.choice((0, largest, value + self._random.randint(-8, 8), value << 1)) & largest
        data[at : at + octets] = changed.to_bytes(octets)

    def _change_length(self, data: bytearray) -> None:
        """An octet made the number of octets behind it, or nearly: most lengths are otherwise soon too large."""
        if data:
            at = self._place(data)
            data[at] = min(0xFF, max(0, len(data) - at - 1 + self._random.randint(-4, 1)))


def _saved(target: Target, found: Campaign, directory: Path, known: Sequence[bytes]) -> int:
    """Write an input for each way that no known input goes; how many there were."""
    directory.mkdir(parents=True, exist_ok=True)
    before = {attempt(target.run, data) for data in known}
    new = {way: data for way, data in found.ways.items() if way not in before}
    for way, data in new.items():
        small = shrunk(target.run, data, way)
        (directory / hashlib.sha256(small).hexdigest()[:12]).write_bytes(small)
    return len(new)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz a target, say what was found, and return the exit status."""
    parser = argparse.ArgumentParser(description="Fuzz a parser.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--count", type=int, default=100_000, help="inputs to make")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, metavar="DIR", help="write an input for each new way that the parser goes")
    parser.add_argument(
        "--failures", type=Path, metavar="DIR", default=Path(), help="where the failing input is written"
    )
    options = parser.parse_args(arguments)
    target, corpus = TARGETS[options.target], seeds(options.target)
    found = campaign(target, corpus, options.count, options.seed)
    say = sys.stdout.write
    rate = found.executions / found.duration_s
    say(f"{options.target}: {found.executions} executions in {found.duration_s:.1f} s, {rate:.0f} a second\n")
    say(f"seed {options.seed}, {len(corpus)} seed files, {len(found.ways)} ways\n")
    say(f"slowest: {found.slowest_s * 1000:.1f} ms for {found.slowest[:60]!r}, {len(found.slowest)} octets\n")
    if options.save:
        say(f"{_saved(target, found, options.save, corpus)} inputs written to {options.save}\n")
    if found.failure is None:
        return 0
    digest = hashlib.sha256(found.failure.data).hexdigest()[:12]
    file = options.failures / f"{options.target}-{digest}"
    file.write_bytes(found.failure.data)
    say(f"FAILED: {found.failure.kind} for {found.failure.data!r}, written to {file}\n{found.failure.text}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
