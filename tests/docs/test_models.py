"""The page of the models says what the shipped topologies prove, and they prove every model."""

from __future__ import annotations

from covered_models import FILE, filled, missing


def test_the_table_is_that_of_the_topologies() -> None:
    """The table is what `PYTHONPATH=tests python tests/covered_models.py` writes."""
    text = FILE.read_text(encoding="utf-8")

    assert filled(text) == text


def test_every_model_is_proven() -> None:
    """Each model is proven with each peering and each address family."""
    assert [str(cell) for cell in missing()] == []
