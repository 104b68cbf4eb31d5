"""Every kind of mistake has a message that was read by a person: tests/golden/mistakes.

`UPDATE_GOLDEN=1 pytest tests/unit/test_load_mistakes.py` writes the messages anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.errors import InputError
from lab.expressroute.rules import RULES
from lab.load import load_file

WRONG_FILES = Path(__file__).parents[1] / "golden" / "mistakes"


@pytest.mark.parametrize("name", sorted(file.stem for file in WRONG_FILES.glob("*.yaml")))
def test_a_wrong_file_is_refused_with_the_message_that_stands_beside_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong file is refused with the message that stands beside it."""
    monkeypatch.chdir(WRONG_FILES)
    with pytest.raises(InputError) as refusal:
        load_file(f"{name}.yaml")
    message = f"{refusal.value}\n"
    expected = WRONG_FILES / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        expected.write_text(message, encoding="utf-8")
    assert expected.read_text(encoding="utf-8") == message


def test_no_message_is_left_of_a_file_that_is_gone() -> None:
    """No message is left of a file that is gone."""
    assert {file.stem for file in WRONG_FILES.glob("*.txt")} == {file.stem for file in WRONG_FILES.glob("*.yaml")}


def test_every_rule_of_microsofts_side_is_in_a_message() -> None:
    """Each rule of `lab.expressroute.rules` is broken by one of the files."""
    messages = "".join(file.read_text(encoding="utf-8") for file in WRONG_FILES.glob("*.txt"))
    assert [rule.id for rule in RULES if f" {rule.id}: " not in messages] == []
