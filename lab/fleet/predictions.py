"""What the model says of one file. Whoever forks workers imports this first, so that none of them has to."""

from __future__ import annotations

from lab.causes import verdicts
from lab.checks import Outcome
from lab.fleet.files import File
from lab.fleet.work import Answer, answered, planned
from lab.load import load_file, load_topology
from lab.plan import Plan
from lab.predict import predict, predicted_evidence
from lab.report import as_json, as_text
from lab.topology import Topology


def predict_file(file: File, output: str = "text") -> Answer:
    """The tables that the model has of a topology, and each expectation that it contradicts, as `text` or `json`."""

    def predicted() -> Answer:
        found = load_file(file.path, file.name) if file.found else load_topology(file.path, file.name)
        if not isinstance(found, Topology):
            return Answer(exit_code=None, problem=f"{file.name}: holds no topology")
        return prediction(found, planned(found, file.name), output, file.name)

    return answered(file.name, predicted)


def prediction(topology: Topology, planned: Plan, output: str, name: str = "") -> Answer:
    """What the model says of a topology: 1 where it contradicts an expectation, 3 where it cannot tell.

    With a name, JSON is one line that holds it too.
    """
    predicted = predict(planned)
    evidence = predicted_evidence(predicted, planned, topology.expectations)
    answers = verdicts(topology.expectations, predicted, evidence, evidence)
    outcomes = {one.outcome for one in answers}
    unknown = bool(planned.unmodelled) or Outcome.INCONCLUSIVE in outcomes
    code = 1 if Outcome.FAILED in outcomes else 3 if unknown else 0
    if output == "json":
        if name:
            report = as_json.file_prediction(name, code, planned, predicted.tables, answers)
        else:
            report = as_json.prediction(planned, predicted.tables, answers)
    else:
        report = as_text.prediction(planned, predicted.tables, answers)
    return Answer(exit_code=code, report=report)
