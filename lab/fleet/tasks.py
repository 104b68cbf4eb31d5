"""What an executor is given to run. Importing this makes ready what threads may not make two at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lab.load.case_documents import CasesDocument
from lab.load.policy_documents import PolicyFileDocument
from lab.load.topology_documents import TopologyDocument

Item = TypeVar("Item")
Result = TypeVar("Result")

for _document in (CasesDocument, PolicyFileDocument, TopologyDocument):
    _document.model_rebuild()  # else at first use, which may be in several threads at once


def run(work: Callable[[Item], Result], item: Item) -> Result:
    """Do the work on one item."""
    return work(item)
