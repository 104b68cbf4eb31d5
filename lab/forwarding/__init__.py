"""Where packets go: flows between hosts, what became of them, and the walk that predicts it from tables."""

from lab.forwarding.flows import Crossing, Flow, FlowResult, Refusal, Seen, Source
from lab.forwarding.sweeps import Sweep, SweepResult
from lab.forwarding.walk import (
    Translation,
    Walk,
    answer_walks,
    answered_to,
    gateway,
    longest_match,
    predict_flow,
    walks,
)
from lab.packets import Protocol

__all__ = [
    "Crossing",
    "Flow",
    "FlowResult",
    "Protocol",
    "Refusal",
    "Seen",
    "Source",
    "Sweep",
    "SweepResult",
    "Translation",
    "Walk",
    "answer_walks",
    "answered_to",
    "gateway",
    "longest_match",
    "predict_flow",
    "walks",
]
