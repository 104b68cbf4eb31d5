"""Every kind of expectation is known everywhere that has to know it."""

from __future__ import annotations

from typing import get_args

from lab.causes import CAUSES
from lab.checks import KINDS
from lab.expectations import Expectation
from lab.load.expectation_documents import ExpectDocument
from lab.load.expectations import KINDS as KEYS


def test_kinds_of_expectations() -> None:
    """Each kind of expectation has its check and its cause."""
    assert set(KINDS) == set(CAUSES) == set(get_args(Expectation))


def test_keys_of_expectations() -> None:
    """Each key of `expect` is checked and converted by the loader."""
    assert set(KEYS) == set(ExpectDocument.model_fields)
