"""Whatever stands in a file: it is read, or refused with an InputError, and soon."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InputError
from lab.load import load_file, load_topology
from lab.plan.faults import faults
from lab.plan.of_topology import plan

RIGHT = Path(__file__).parents[1] / "golden" / "right"
TEXTS = {file.name: file.read_text(encoding="utf-8") for file in sorted(RIGHT.glob("*.yaml"))}
TOPOLOGIES = sorted(TEXTS.keys() - {"more.yaml"})
CHARACTERS = st.sampled_from(" \n\t:-[]{}&*!|>'\"#%@,?<0x1é\0\u2028") | st.characters(codec="utf-8")
SCRAPS = st.sampled_from(
    [
        "- ",
        "? ",
        ": ",
        "&a ",
        "*a",
        "!!int ",
        "<<: *a",
        "{}",
        "[]",
        "''",
        "null",
        "---\n",
        "...\n",
        "~",
        "-1",
        "1.5",
        "|\n",
        ">= 3",
        "2-1",
        "/^(/",
        "65010:*",
        "{any: [all]}",
        "{none: []}",
        "call: all\n",
        "default: next_policy\n",
        "+50",
        "absent",
        "none",
        "true",
        "westeurope.private",
        "length ",
        "qinq",
        "shipped",
        "layer3",
        "direct",
        "any_to_any_ipvpn",
        "microsoft: {}\n",
        "nat: 10.0.0.0/8\n",
        "vpn: pe1\n",
        "routers: [pe1, ce1]\n",
    ]
)


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """A text with some lines gone, doubled, moved or indented anew, some characters changed and some scraps put in."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 4))):
        line = lines.pop(draw(st.integers(0, len(lines) - 1)))
        indented = " " * draw(st.integers(0, 6)) + line.lstrip(" ")
        for put_back in draw(st.sampled_from([[], [line], [line, line], [indented]])):
            lines.insert(draw(st.integers(0, len(lines))), put_back)
    text = "".join(lines)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(CHARACTERS | SCRAPS) + text[at + draw(st.integers(0, 3)) :]
    return text


def refusal(directory: Path, name: str, content: bytes) -> InputError | None:
    """The error that a file is refused with, None where it is read. Any other exception is the test's failure."""
    for other, text in TEXTS.items():
        (directory / other).write_text(text, encoding="utf-8")
    (directory / name).write_bytes(content)
    try:
        load_file(directory / name)
    except InputError as error:
        return error
    return None


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that each example writes its files into anew."""
    return tmp_path_factory.mktemp("load")


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=50)
@given(drawn=st.data())
def test_a_mutated_file_is_read_or_refused(directory: Path, name: str, drawn: st.DataObject) -> None:
    """A mutated file never breaks the loader, and every mistake has a place in one of the files and a text."""
    text = drawn.draw(mutations(TEXTS[name]))
    error = refusal(directory, name, text.encode())
    for mistake in error.mistakes if error else ():
        assert Path(mistake.file).name in TEXTS
        lines = len(text.encode().splitlines()) if mistake.file.endswith(name) else 100
        assert 1 <= mistake.line <= lines + 1 + text.count("\u2028") + text.count("\x85") + text.count("\u2029")
        assert mistake.column >= 1
        assert mistake.what
        assert "\n" not in str(mistake.what)


@settings(max_examples=50)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(directory: Path, content: bytes) -> None:
    """Bytes at random are no topology, and say so."""
    assert refusal(directory, "everything.yaml", content) is not None


@pytest.mark.parametrize("name", TOPOLOGIES)
@settings(max_examples=50)
@given(drawn=st.data())
def test_what_is_not_refused_can_be_planned(directory: Path, name: str, drawn: st.DataObject) -> None:
    """A mutated topology that is read has a plan without a fault."""
    if refusal(directory, name, drawn.draw(mutations(TEXTS[name])).encode()) is None:
        assert faults(plan(load_topology(directory / name))) == []


@settings(max_examples=50)
@given(drawn=st.data())
def test_mistakes_never_show_a_pydantic_text(directory: Path, drawn: st.DataObject) -> None:
    """No mistake is told in pydantic's words."""
    error = refusal(directory, "everything.yaml", drawn.draw(mutations(TEXTS["everything.yaml"])).encode())
    for words in ("Input should", "Field required", "Extra inputs", "Value error", "pydantic"):
        assert words not in str(error)
