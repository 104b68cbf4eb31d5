"""A YAML file as text with places: every value keeps its line and column, and stays text unless it is a plain number.

The tree is built from the parser's events and not by PyYAML's constructor or composer: these turn `65001:30` into a
number and `no` into False, keep the last of two equal keys, and recurse as deep as the file says.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from lab.errors import InputError, Mistake

MAX_BYTES = 10_000_000
MAX_VALUES = 100_000
MAX_DEPTH = 40

Step = str | int
"""A key of a mapping or an index of a list."""

Data = str | int | list["Data"] | dict[str, "Data"] | None

_PLAIN_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")


@dataclass(slots=True)
class Node:
    """A value of the file, where it starts, and how many values it holds when aliases are written out."""

    line: int
    column: int
    data: Data = None
    items: list[Node] = field(default_factory=list)
    entries: dict[str, tuple[Node, Node]] = field(default_factory=dict)
    size: int = 1
    depth: int = 1
    has_bad_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that was read, and the mistakes that its form alone shows. `name` is what the user calls it.

    `directory` is where it lies: whatever it names is looked for beside it.
    """

    name: str
    root: Node
    mistakes: tuple[Mistake, ...]
    directory: Path = Path()

    @property
    def data(self) -> Data:
        """All of it: lists, mappings, texts and plain numbers."""
        return self.root.data

    def node(self, path: tuple[Step, ...]) -> Node:
        """The value at a path, or the nearest one around it.

        A step that the file leaves out, because it has the short form of something, is passed over.
        """
        node = self.root
        for step in path:
            if isinstance(step, str) and step in node.entries:
                node = node.entries[step][1]
            elif isinstance(step, int) and step < len(node.items):
                node = node.items[step]
        return node

    def mistake(self, path: tuple[Step, ...], what: str, meant: str = "", *, at_key: bool = False) -> Mistake:
        """A mistake in the value at a path, or in its key."""
        node = self._key(path) if at_key else self.node(path)
        return Mistake(file=self.name, line=node.line, column=node.column, what=what, meant=meant)

    def key_of(self, path: tuple[Step, ...]) -> str:
        """The innermost key on the way to a value that the file really has; empty where there is none."""
        return "".join(self.keys_of(path)[-1:])

    def keys_of(self, path: tuple[Step, ...]) -> list[str]:
        """The keys on the way to a value that the file really has."""
        return [s for n, s in enumerate(path) if isinstance(s, str) and s in self.node(path[:n]).entries]

    def where(self, path: tuple[Step, ...]) -> str:
        """The place where a value begins, its key included, as `file:line`."""
        return f"{self.name}:{self._key(path).line}"

    def _key(self, path: tuple[Step, ...]) -> Node:
        """The key of the value at a path, or the value itself where it has none."""
        entry = self.node(path[:-1]).entries.get(str(path[-1])) if path else None
        return entry[0] if entry else self.node(path)


_IN_QUOTES = "put it in quotes"
_LIKELY = (
    ("mapping values are not allowed", "a colon where no key can be", "put a text with ': ' in it in quotes"),
    ("scanning an alias", "a text cannot begin with *", _IN_QUOTES),
    ("scanning a block scalar", "a text cannot begin with > or |", f"{_IN_QUOTES}, such as '>= 3'"),
    ("unknown escape character", "a backslash between double quotes begins an escape", "put it in single quotes"),
)
"""What the parser says, what somebody has most likely written there, and what would be right."""


def _words(problem: yaml.MarkedYAMLError, text: str) -> tuple[str, str]:
    """What the parser says, and what would be right where that can be told."""
    says, mark, began = problem.problem or "", problem.problem_mark, problem.context_mark
    if "cannot start any token" in says and mark is not None:
        if text[mark.index] == "\t":
            return "not YAML: a tab in the indent", "indent with spaces"
        return f"not YAML: a text cannot begin with {text[mark.index]}", _IN_QUOTES
    whole = " ".join(part for part in (problem.context, says) if part)
    for words, what, meant in _LIKELY:
        if words in whole:
            return f"not YAML: {what}", meant
    where = f"it began on line {began.line + 1}" if began and mark and began.line != mark.line else ""
    if "parsing a flow" in whole and "expected ','" in says:
        quotes = "put a text that holds one of [ ] { } in quotes, such as '^65[01]$'"
        return f"not YAML: {says}", f"{where}; {quotes}" if where else quotes
    return f"not YAML: {whole}", where


class _Stop(Exception):  # noqa: N818  # it ends the reading and is never seen outside
    def __init__(self, mistake: Mistake) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


def read(path: Path, name: str) -> SourceFile:
    """A YAML file. Raises InputError where it cannot be read at all."""
    return replace(parse(_text(path, name), name), directory=path.parent)


def read_named(path: Path, name: str) -> SourceFile:
    """A YAML file that another one names, which is a regular one. Raises InputError as `read` does."""
    return replace(parse(_text(path, name, regular), name), directory=path.parent)


def regular(path: str, flags: int) -> int:
    """An opener for what a file names: no pipe is waited for, and no device touched. Raises OSError."""
    _refuse_others(path, os.stat(path))  # noqa: PTH116  # an opener is given a text
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)  # it may have become another one
    try:
        _refuse_others(path, os.fstat(fd))
    except OSError:
        os.close(fd)
        raise
    return fd


def _refuse_others(path: str, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory, not a file", path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is a pipe, a socket or a device, not a file", path)


def parse(text: str, name: str) -> SourceFile:
    """A YAML text. Raises InputError where it is not YAML, or not of one document."""
    builder = _Builder(name)
    try:
        root = builder.build(text)
    except _Stop as stop:
        raise InputError(f"{name}: cannot be read", (*builder.mistakes, stop.mistake)) from None
    return SourceFile(name=name, root=root, mistakes=tuple(builder.mistakes))


def _text(path: Path, name: str, opener: Callable[[str, int], int] | None = None) -> str:
    try:
        with path.open("rb") if opener is None else open(path, "rb", opener=opener) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a directory, not a file") from None
    except PermissionError:
        raise InputError(f"{name}: no permission to read it") from None
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise InputError(f"{name}: cannot be read: {why}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{name}: is larger than {MAX_BYTES // 1_000_000} MB, the most that is read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line, column = _place(content[: problem.start].decode("utf-8", "replace"))
        mistake = Mistake(
            file=name, line=line, column=column, what="the file is not UTF-8", meant="save it as UTF-8 text"
        )
        raise InputError(f"{name}: cannot be read", (mistake,)) from None


def _place(before: str) -> tuple[int, int]:
    """The line and column behind a text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _start(event: yaml.Event) -> tuple[int, int]:
    """The line and column of an event."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


class _Builder:
    """One tree, from events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mistakes: list[Mistake] = []
        self._anchors: dict[str, Node] = {}
        self._open: list[Node] = []
        self._keys: list[Node | None] = []
        self._count = 0

    def build(self, text: str) -> Node:
        root: Node | None = None
        for event in self._events(text):
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self._stop(
                    event, "the file holds more than one YAML document", "remove `---` and what follows it"
                )
            done = self._take(event)
            if done is None:
                continue
            if self._open:
                self._attach(done, event)
            else:
                root = done
        if root is None or root.data is None:
            at = root or Node(line=1, column=1)
            raise _Stop(Mistake(file=self.name, line=at.line, column=at.column, what="the file is empty"))
        return root

    def _events(self, text: str) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.reader.ReaderError as problem:
            line, column = _place(text[: text.find(chr(problem.character))])  # `position` may count bytes
            what = f"character U+{problem.character:04X} is not allowed in YAML"
            raise _Stop(Mistake(file=self.name, line=line, column=column, what=what)) from None
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what, meant = _words(problem, text)
            raise _Stop(Mistake(file=self.name, line=line, column=column, what=what, meant=meant)) from None

    def _take(self, event: yaml.Event) -> Node | None:
        """The value that an event completes."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._remember(event, self._scalar(event))
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(self._open) == MAX_DEPTH:
                raise self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
            node = self._remember(event, self._new(event))
            node.data = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            self._open.append(node)
            self._keys.append(None)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._keys.pop()
            return self._open.pop()
        return None

    def _new(self, event: yaml.NodeEvent) -> Node:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._stop(
                event,
                f"more than {MAX_VALUES} values in one file",
                "write fewer, or several files; tables of routes are read as JSON or MRT too, however many they are",
            )
        line, column = _start(event)
        return Node(line=line, column=column)

    def _remember(self, event: yaml.NodeEvent, node: Node) -> Node:
        if event.anchor:
            self._anchors[event.anchor] = node
        tag = getattr(event, "tag", None)
        if tag not in _TAGS:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._add(
                node, f"the tag {shown} is not supported", "write the value alone: the file's format says its type"
            )
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        node = self._new(event)
        plain = not event.style and event.value != ""
        number = plain and _PLAIN_NUMBER.fullmatch(event.value)
        node.data = int(event.value) if number else event.value if plain or event.style else None
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise self._stop(
                event, f"the alias *{event.anchor} stands for nothing", f"mark a value before it with &{event.anchor}"
            )
        if any(node is one for one in self._open):
            raise self._stop(event, f"the alias *{event.anchor} stands inside of what it stands for")
        return node

    def _attach(self, node: Node, event: yaml.Event) -> None:
        """Put a value into the list or mapping that is open."""
        parent = self._open[-1]
        if isinstance(parent.data, list):
            parent.items.append(node)
            parent.data.append(node.data)
            if node.data is None:
                self._add(node, "an item of the list has no value", "give it one, or remove the line")
        elif self._keys[-1] is None:
            self._keys[-1] = self._key(node, event)
            return
        else:
            key, self._keys[-1] = self._keys[-1], None
            self._enter(parent, key, node)
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.size > MAX_VALUES:
            raise self._stop(event, f"more than {MAX_VALUES} values when its aliases are written out")
        if parent.depth > MAX_DEPTH:
            raise self._stop(event, f"nested deeper than {MAX_DEPTH} levels when its aliases are written out")

    def _key(self, node: Node, event: yaml.Event) -> Node:
        """A key, placed where it is written even if it is an alias."""
        line, column = _start(event)
        key = Node(line=line, column=column, data=node.data)
        if isinstance(node.data, dict | list):
            key = Node(line=node.line, column=node.column)
        if isinstance(node.data, dict | list) or node.data is None:
            self._add(key, "a key must be a text")
        elif node.data == "<<":
            self._add(
                key, "merge keys (<<) are not supported", "write the keys out, or give the whole value as an alias"
            )
            key.data = None
        return key

    def _enter(self, parent: Node, key: Node, node: Node) -> None:
        if key.data is None or not isinstance(parent.data, dict):
            parent.has_bad_key = True
            return
        name = str(key.data)
        if name in parent.entries:
            first = parent.entries[name][0]
            self._add(key, f"the key {name!r} is here twice", f"it is on line {first.line} already")
            return
        parent.entries[name] = (key, node)
        if node.data is None:
            self._add(key, f"{name!r} has no value", "give it one, or leave the key out")
        else:
            parent.data[name] = node.data

    def _add(self, node: Node, what: str, meant: str = "") -> None:
        self.mistakes.append(Mistake(file=self.name, line=node.line, column=node.column, what=what, meant=meant))

    def _stop(self, event: yaml.Event, what: str, meant: str = "") -> _Stop:
        line, column = _start(event)
        return _Stop(Mistake(file=self.name, line=line, column=column, what=what, meant=meant))
