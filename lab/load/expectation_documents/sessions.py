"""The shape of an expectation about BGP sessions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.expectations import SessionState
from lab.load import values
from lab.load.forms import (
    Document,
    FamilyName,
)
from lab.load.scalars import choice


class SessionDocument(Document):
    """BGP sessions between two routers."""

    between: Annotated[tuple[str, str], values.BETWEEN] = Field(description="the two routers, such as ce1 - msee1")
    family: FamilyName | None = Field(None, description="ipv4 or ipv6; both if left out")
    state: Annotated[SessionState, choice(SessionState, "state")] = Field(
        SessionState.ESTABLISHED, description="established (default) or down"
    )
