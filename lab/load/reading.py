"""A file read against its document model: all its mistakes, and every part of it that has none.

Pydantic finds the mistakes; the words for them are ours. Where a file is wrong in one place, the rest is still read, so
that what two places say together can be checked too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from lab.errors import InputError, Mistake
from lab.load.scalars import NOT_BUILT
from lab.load.source import Node, SourceFile, Step
from lab.texts import Wrong, did_you_mean, kind

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[Step, ...]

MOST_MISTAKES = 500
"""Of one file that are put into words."""

_IN_KEY = "[key]"

_LEFT_OUT = (
    *(
        0,
        "any",
        "asns",
        "encapsulation",
        "kind",
        "limit",
        "link",
        "name",
        "pool",
        "prefix",
        "prefixes",
        "subnet",
        "terms",
    ),
    "weight",
)
"""What short forms leave out."""

_KNOWN_ELSEWHERE = {
    ("PeeringsDocument", "public"): "Azure public peering was retired on 2024-03-31",
    ("ExpectDocument", "failover"): f"failover is {NOT_BUILT}",
    ("MatchDocument", "as_path_contains"): "as_path_contains is gone: as_path: _65099_ asks for an AS in the path",
    ("GivenRouteDocument", "multi_exit_disc"): "multi_exit_disc is called med here",
    ("ExpectedDocument", "multi_exit_disc"): "multi_exit_disc is called med here",
    ("UnreachableDocument", "via"): "what is unreachable has no way: via belongs to reachable",
    ("ReachableDocument", "stopped_at"): "what is reachable is not stopped: stopped_at belongs to unreachable",
}
"""Keys that someone may well write, and why they are refused."""


def refusal(source: SourceFile, mistakes: Sequence[Mistake]) -> InputError:
    """The error that ends with how many mistakes there are."""
    count = len(mistakes)
    least = "at least " if count >= MOST_MISTAKES else ""
    return InputError(f"{source.name}: {least}{count} mistake{'s' if count != 1 else ''}", tuple(mistakes))


class Reading(Generic[Model]):
    """One file and what could be read of it. `whole` is None where a mistake of form was found."""

    def __init__(self, source: SourceFile, model: type[Model]) -> None:
        self.source = source
        self._model = model
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        self._wrong: list[Path] = []
        self._valid: Model | None = None
        self.mistakes: list[Mistake] = list(source.mistakes)
        try:
            self._valid = model.model_validate(source.data)
        except ValidationError as problem:
            errors = problem.errors(include_url=False, include_input=False)
            self._wrong = [_path(error) for error in errors]
            self.mistakes += [m for error in errors[:MOST_MISTAKES] for m in self._words(error)]
            if len(errors) > MOST_MISTAKES:
                rest = f"and {len(errors) - MOST_MISTAKES} mistakes more like these"
                self.mistakes.append(source.mistake(self._wrong[MOST_MISTAKES], rest))
        self.whole = None if source.mistakes else self._valid

    # parts

    def part(self, *path: Step) -> Any:  # noqa: ANN401  # its type is the one that the model gives this place
        """The value at a path; None where it is absent or has a mistake in it."""
        if self._valid is not None:
            return _at(self._valid, path)
        if path in self._wrong_and_around:
            return None
        raw = self._raw(path)
        if raw is None:
            return None
        annotation = self._annotation(path)
        if repr(annotation) not in self._adapters:
            self._adapters[repr(annotation)] = TypeAdapter(annotation)
        try:
            return self._adapters[repr(annotation)].validate_python(raw)
        except ValidationError:
            return None

    def keys(self, *path: Step) -> tuple[str, ...] | None:
        """The keys of the mapping at a path, right or wrong; None where there is no mapping."""
        raw = self._raw(path)
        return tuple(raw) if isinstance(raw, dict) else None

    def count(self, *path: Step) -> int:
        """How many values the list at a path has; a single value counts as a list of one."""
        raw = self._raw(path)
        return len(raw) if isinstance(raw, list) else int(raw is not None)

    @cached_property
    def _wrong_and_around(self) -> frozenset[Path]:
        return frozenset(path[:length] for path in self._wrong for length in range(len(path) + 1))

    def _raw(self, path: Path) -> Any:  # noqa: ANN401  # any part of a file
        raw: Any = self.source.data
        for step in path:
            if isinstance(raw, list) and isinstance(step, int):
                raw = raw[step] if step < len(raw) else None
            elif isinstance(raw, dict) and isinstance(step, str):
                raw = raw.get(step)
            elif step not in _LEFT_OUT:
                return None
        return raw

    def _annotation(self, path: Path) -> Any:  # noqa: ANN401  # a type
        """The type of the value at a path."""
        annotation: Any = self._model
        for step in path:
            model = _model_in(annotation)
            if model is None:
                annotation = _inside(annotation)
                continue
            info = next(i for name, i in model.model_fields.items() if step in (i.alias, name))
            annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        return annotation

    # words

    def _words(self, error: ErrorDetails) -> Iterator[Mistake]:
        path, source = _path(error), self.source
        node = source.node(path)
        says = error.get("ctx", {})
        match error["type"]:
            case "missing":
                parent = source.node(path[:-1])
                if not (parent.has_bad_key or _is_null(parent, path[-1])):
                    yield self._missing(path)
            case "extra_forbidden":
                yield self._unknown_key(path)
            case "value_error" if node.data is None or _holds_null(node):
                pass  # the place without a value was reported
            case "value_error":
                problem = says["error"]
                what, meant = (problem.what, problem.meant) if isinstance(problem, Wrong) else (str(problem), "")
                at_key = error["loc"][-1:] == (_IN_KEY,)
                yield source.mistake(path, self._named(path, what), meant, at_key=at_key)
            case "too_short":
                few = f"has {says['actual_length']} only" if says["actual_length"] else "is empty"
                yield source.mistake(path, self._named(path, few), f"at least {says['min_length']}")
            case "too_long":
                few = f"has {says['actual_length']} items"
                yield source.mistake(path, self._named(path, few), f"at most {says['max_length']}")
            case other:
                if node.data is not None:
                    wanted = _WANTED.get(other, "another kind of value")
                    yield source.mistake(path, self._named(path, f"must be {wanted}, not {kind(node.data)}"))

    def _missing(self, path: Path) -> Mistake:
        model, key = _model_in(self._annotation(path[:-1])), path[-1]
        fields = model.model_fields.items() if model else ()
        meant = next((i.description or "" for name, i in fields if key in (i.alias, name)), "")
        where = ".".join(self.source.keys_of(path[:-1]))
        inside = f" in {where}" if where else ""
        return self.source.mistake(path[:-1], f"missing key {key!r}{inside}", meant, at_key=True)

    def _unknown_key(self, path: Path) -> Mistake:
        model, key = _model_in(self._annotation(path[:-1])), str(path[-1])
        names = [i.alias or name for name, i in model.model_fields.items()] if model else []
        elsewhere = _KNOWN_ELSEWHERE.get((model.__name__ if model else "", key))
        if elsewhere:
            return self.source.mistake(path, elsewhere, at_key=True)
        shown = key if len(key) <= 40 else f"{key[:37]}..."
        return self.source.mistake(path, f"unknown key {shown!r}", did_you_mean(key, names, "keys here"), at_key=True)

    def _named(self, path: Path, what: str) -> str:
        """A mistake behind the key that it is about, where the mistake does not name it itself."""
        key = self.source.key_of(path)
        return what if not key or what.startswith(("ER", "unknown")) else f"{key}: {what}"


_WANTED: Mapping[str, str] = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
}


def _at(value: Any, path: Path) -> Any:  # noqa: ANN401  # any part of a document
    """The value at a path of a valid document; None where it is absent."""
    for step in path:
        if isinstance(value, BaseModel):
            fields = type(value).model_fields.items()
            value = getattr(value, next(name for name, info in fields if step in (info.alias, name)))
        elif isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _path(error: ErrorDetails) -> Path:
    return tuple(step for step in error["loc"] if step != _IN_KEY)


def _is_null(node: Node, step: Step) -> bool:
    return isinstance(step, str) and step in node.entries and node.entries[step][1].data is None


def _holds_null(node: Node) -> bool:
    return any(value.data is None for _, value in node.entries.values())


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401  # a type
    """The document model that an annotation stands for, alone or as one of several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, dict):
        return None
    return next((found for one in get_args(annotation) if (found := _model_in(one)) is not None), None)


def _inside(annotation: Any) -> Any:  # noqa: ANN401  # types
    """The type of the values of a list or a mapping."""
    if get_origin(annotation) in (list, dict):
        return get_args(annotation)[-1]
    return next((found for one in get_args(annotation) if (found := _inside(one)) is not None), None)
