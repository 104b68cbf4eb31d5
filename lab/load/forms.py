"""What the documents of topology and policy files have in common: mappings, short forms and kinds of values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import core_schema

from lab.bgp import Address, Asn, Community, ExtendedCommunity, Family, LargeCommunity, Origin, Prefix
from lab.load import values
from lab.load.scalars import FLAG, NAME, choice, name_of, parsed, whole
from lab.texts import Wrong, shown

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

Item = TypeVar("Item")


KEY_OF = "keyOf"


class Document(BaseModel):
    """A mapping of a file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True, eq=False)
class _ShortForm:
    """A value may be written shorter than its model: `lengthen` undoes that, `short` is the JSON Schema of it."""

    lengthen: Callable[[Any], Any]
    short: Callable[[dict[str, Any]], dict[str, Any]]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.lengthen, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        long = handler(core)
        return {"anyOf": [self.short(long), long]}


def under(key: str) -> _ShortForm:
    """Anything but a mapping stands for a mapping with this one key.

    The schema of that key is not known while schemas are made: `lab.load.schema` puts it in the place of `KEY_OF`.
    """
    return _ShortForm(
        lengthen=lambda value: value if isinstance(value, dict) else {key: value},
        short=lambda long: {KEY_OF: {"mapping": long, "key": key}},
    )


def word_for(word: str, meant: dict[str, str]) -> _ShortForm:
    """A word stands for a whole mapping, which may have nothing in it."""

    def lengthen(value: object) -> object:
        if isinstance(value, dict):
            return value
        if value != word:
            raise Wrong(
                f"{shown(value)} is neither {word} nor a mapping", f"write {word} or a mapping, or leave it out"
            )
        return meant

    return _ShortForm(lengthen=lengthen, short=lambda _: {"enum": [True, "true"] if word == "true" else [word]})


SWITCH = word_for("true", {})
SHIPPED = word_for("shipped", {})
"""For what comes with the lab, and needs no more words."""

_ONE = _ShortForm(
    lengthen=lambda value: value if isinstance(value, list) else [value], short=lambda long: long["items"]
)

OneOrMore = Annotated[list[Item], Field(min_length=1), _ONE]
AnyNumber = Annotated[list[Item], _ONE]

NodeName = Annotated[
    str,
    name_of(
        "router or network",
        "[a-z][a-z0-9-]{0,11}",
        "lower-case letters, digits and dashes, a letter first, 12 at most",
        not_reserved=True,
    ),
]
PolicyName = Annotated[
    str, name_of("policy or set", NAME.pattern, "letters, digits, '_', '.' and '-', a letter first, 64 at most")
]
Reference = Annotated[str, parsed(str)]
HostPrefix = Annotated[Prefix, values.HOST_PREFIX]
RoutedPrefix = Annotated[Prefix, values.ROUTED_PREFIX]
AnyPrefix = Annotated[Prefix, values.ANY_PREFIX]
AnyAddress = Annotated[Address, values.ADDRESS]
FamilyName = Annotated[Family, choice(Family, "family")]
OriginName = Annotated[Origin, choice(Origin, "origin")]
AsNumber = Annotated[Asn, values.AS_NUMBER]
Standard = Annotated[Community, values.COMMUNITY]
Large = Annotated[LargeCommunity, values.LARGE_COMMUNITY]
Extended = Annotated[ExtendedCommunity, values.EXTENDED_COMMUNITY]
Number32 = Annotated[int, whole(0, 0xFFFFFFFF)]
Number16 = Annotated[int, whole(0, 0xFFFF)]
Flag = Annotated[bool, FLAG]
