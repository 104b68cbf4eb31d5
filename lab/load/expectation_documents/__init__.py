"""The shape of what must hold: the `expect` of a topology file."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from lab.load.expectation_documents.dscp import DscpDocument
from lab.load.expectation_documents.failovers import FailoverDocument
from lab.load.expectation_documents.losses import LossDocument
from lab.load.expectation_documents.mtu import MtuDocument
from lab.load.expectation_documents.nat import TranslatedDocument
from lab.load.expectation_documents.packets import ReachableDocument, UnreachableDocument
from lab.load.expectation_documents.paths import PathDocument, SymmetricDocument
from lab.load.expectation_documents.routes import RouteDocument
from lab.load.expectation_documents.sessions import SessionDocument
from lab.load.forms import Document, under
from lab.texts import Wrong


class ExpectDocument(Document):
    """One thing that must hold: a mapping with exactly one key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    session: Annotated[SessionDocument, under("between")] | None = Field(
        None, description="BGP sessions are up: ce1 - msee1, or {between: ce1 - msee1, family: ipv4, state: down}"
    )
    route: RouteDocument | None = Field(None, description="a router has a route with these attributes")
    no_route: RouteDocument | None = Field(None, description="a router has no route with these attributes")
    reachable: ReachableDocument | None = Field(None, description="packets arrive and are answered")
    unreachable: UnreachableDocument | None = Field(None, description="packets do not arrive")
    mtu: MtuDocument | None = Field(None, description="the largest packet that arrives has a size")
    nat: TranslatedDocument | None = Field(
        None, description="packets arrive with a source of a pool, and are answered through the same translation"
    )
    dscp: DscpDocument | None = Field(None, description="packets arrive with a mark, and these rewrote it on the way")
    path: PathDocument | None = Field(None, description="packets cross these edges, there and back, on this link")
    symmetric: SymmetricDocument | None = Field(None, description="packets come back by the nodes that they went by")
    failover: FailoverDocument | None = Field(None, description="a stream of packets outlives a fault")
    loss: LossDocument | None = Field(None, description="a stream loses little and is not late, beside a load")

    @model_validator(mode="after")
    def _exactly_one(self) -> ExpectDocument:
        if len(self.model_fields_set) != 1:
            known = ", ".join(type(self).model_fields)
            raise Wrong(f"an expectation has one key, and this one has {len(self.model_fields_set)}", f"one of {known}")
        return self
