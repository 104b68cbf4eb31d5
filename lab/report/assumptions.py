"""The questions that Microsoft's documents leave open, with their answers, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from lab.expressroute.assumptions import ASSUMPTIONS, OPEN_QUESTIONS, Assumption, Assumptions
from lab.report.json_parts import Json, Object, document
from lab.report.layout import hanging


def as_text(assumed: Assumptions) -> str:
    """Each question with its answer, where that is from, and the other answers; then those that no file answers."""
    given = dict(assumed.given)
    lines = []
    for one in ASSUMPTIONS:
        says = f"the file says so, default {one.default}" if one.name in given else "default"
        lines += [f"{one.name}: {assumed.answer(one)} ({says})"]
        lines += hanging("  ", one.question)
        if isinstance(one.answers, Mapping):
            for answer, meaning in one.answers.items():
                lines += hanging(f"    {answer}: ", meaning)
        else:
            lines += [f"    {one.choices}"]
        lines += [*hanging(f"  {one.tag.value}: ", one.why), ""]
    lines += ["not to be answered by a file"]
    for question in OPEN_QUESTIONS:
        lines += [*hanging("  ", question.question), *hanging("    ", question.lab)]
    return "\n".join(lines)


def as_json(assumed: Assumptions) -> str:
    """The same; `given` is null where the file says nothing."""
    return document(
        "assumptions",
        assumptions=[_assumption(one, assumed) for one in ASSUMPTIONS],
        open_questions=[{"question": one.question, "lab": one.lab} for one in OPEN_QUESTIONS],
    )


def _assumption(one: Assumption, assumed: Assumptions) -> Object:
    answers: Json = (
        dict(one.answers)
        if isinstance(one.answers, Mapping)
        else {"minimum": one.answers[0], "maximum": one.answers[-1]}
    )
    return {
        "name": one.name,
        "question": one.question,
        "answers": answers,
        "default": one.default,
        "given": dict(assumed.given).get(one.name),
        "answer": assumed.answer(one),
        "tag": one.tag.value,
        "why": one.why,
    }
