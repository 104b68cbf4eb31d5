"""The shape of an expectation about the translation of sources."""

from __future__ import annotations

from pydantic import Field

from lab.load.expectation_documents.paths import FlowsDocument
from lab.load.forms import AnyPrefix, OneOrMore, Reference


class TranslatedDocument(FlowsDocument):
    """Packets of one network that arrive at another with a source of a pool."""

    pool: AnyPrefix = Field(description="the IPv4 prefix that the source seen at the far end is in")
    at: OneOrMore[Reference] | None = Field(
        None, description="the router that translates, and translates the answer back, or a list of those that may"
    )
