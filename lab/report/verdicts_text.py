"""A run of a topology as text: a block for each verdict, then how the lab compares with the model."""

from __future__ import annotations

from collections.abc import Iterator

from lab.checks import Outcome, Report, Verdict
from lab.report.layout import counted, hanging, side_by_side
from lab.tables import Difference

DIFFERENCES_SHOWN = 20
_WORDS = {
    Outcome.PASSED: "PASS",
    Outcome.FAILED: "FAIL",
    Outcome.INCONCLUSIVE: "????",
}
_INDENT = "      "
_WIDTHS = (46, 32, 32)


def report(report: Report) -> str:
    """Everything that one run showed, the count of outcomes last."""
    lines: list[str] = []
    if report.verdicts:
        lines += _columns(("expected", "predicted", "observed"))
        for verdict in report.verdicts:
            lines += _verdict(verdict)
        lines += [""]
    lines += _model(report)
    for note in report.notes:
        lines += hanging("note: ", note)
    for sentence in report.fidelity:
        lines += hanging("fidelity: ", sentence)
    return "\n".join([*lines, "", *_closing(report)])


def _verdict(verdict: Verdict) -> Iterator[str]:
    word = _WORDS[verdict.outcome]
    cells = (verdict.expected, verdict.predicted.text, verdict.observed.text)
    lines = _columns(cells)
    yield word + lines[0][len(word) :]
    yield from lines[1:]
    yield _INDENT + verdict.expectation.where
    if verdict.cause:
        yield from hanging("cause: ", verdict.cause, indent=_INDENT)


def _columns(cells: tuple[str, str, str]) -> list[str]:
    return [(_INDENT + "  ".join(line)).rstrip() for line in side_by_side(cells, _WIDTHS)]


def _model(report: Report) -> Iterator[str]:
    if report.contradicted:
        where = ", ".join(verdict.expectation.where for verdict in report.contradicted)
        passed = counted(len(report.contradicted), "verdict")
        yield from hanging(f"model: it contradicts {passed} that passed: ", where)
    if report.not_compared:
        yield from hanging("model: not compared: ", report.not_compared)
        return
    compared = f"{counted(report.routes_compared, 'route')} of the RIBs and FIBs"
    if not report.differences:
        yield f"model: predicted = observed in {compared}"
        return
    says = f"model: predicted and observed differ in {counted(len(report.differences), 'place')}, of {compared}"
    yield says
    for difference in report.differences[:DIFFERENCES_SHOWN]:
        yield from _difference(difference)
    more = len(report.differences) - DIFFERENCES_SHOWN
    if more > 0:
        yield f"{_INDENT}and {more} more (--format json shows all)"


def _difference(difference: Difference) -> list[str]:
    says = f"{difference.what}: predicted {difference.predicted}, observed {difference.observed}"
    return hanging(f"{difference.router} {difference.table} ", says, indent=_INDENT)


def _closing(report: Report) -> Iterator[str]:
    counts = {outcome: sum(v.outcome is outcome for v in report.verdicts) for outcome in Outcome}
    line = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items())
    yield line
    if not report.verdicts:
        yield "nothing was asked: the topology has no expectations, so this proves nothing"
    elif (report.differences or report.contradicted) and report.exit_code == 3 and not counts[Outcome.INCONCLUSIVE]:
        yield "the expectations hold, but the lab is not what the model predicted, so this run proves nothing"
    if report.timings_s:
        yield "times: " + ", ".join(f"{name} {time_s:.2f} s" for name, time_s in report.timings_s)
