"""The lab as a whole and its namespaces: nothing here needs another part of the package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStatus:
    """Answered by Status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """Ask where a node's network namespace is."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The supervisor's file descriptor of the namespace; /proc/PID/fd/FD opens it."""

    fd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRoutes:
    """Let a router ask a neighbour for all its routes again (RFC 2918)."""

    router: str
    neighbor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The sessions on which routes were asked for; `down` says of each other one with the neighbour why it is down."""

    sessions: tuple[str, ...]
    down: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heal:
    """End a fault, or without a name all of them. Answered by Healed; nothing is said of sessions."""

    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """The faults that ended between these times of CLOCK_MONOTONIC."""

    faults: tuple[str, ...]
    began_ns: int
    done_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the lab. There is no answer but the end of the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The lab cannot answer: a part of it died, or the request was wrong. `log` is the end of the part's log.

    With `input_is_wrong` it is a user's own file that keeps the lab from being one.
    """

    reason: str
    log: str = ""
    input_is_wrong: bool = False
