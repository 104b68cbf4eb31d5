"""Routers of other vendors: what their daemons are given, and what their tables mean. Nothing here does I/O.

    NodePlan ► files, commands ► (lab.node.foreign runs them) ► texts ► ForeignTables

A vendor is a package beside this file. It knows its daemon's language and nothing of processes: `lab.node.foreign`
writes the files, runs the commands, and hands over what they print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from lab.bfd import BfdStatus
from lab.bgp import Prefix, Route
from lab.plan import BgpPlan, NodePlan, SessionPlan

Command = tuple[str, ...]
"""A program by its name and its arguments; none of them is a key."""

OWN_USER = "<own user>"
"""An argument that stands for the name of the user that the node program runs as."""


class VendorError(ValueError):
    """A daemon printed what cannot be its tables, or what this reads of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file for the daemon: its name in the router's private directory (mode 0700), and its text, which may hold keys.

    `origin` is the name of the user's own file where the text is that one, line by line; else it is empty.
    """

    name: str
    text: str
    origin: str = ""

    def __repr__(self) -> str:
        return f"File({self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A command that tells what the daemon refuses of a file: a status but 0 is a refusal.

    So is output that `refusal` is found in: a regular expression, empty where the status says it all. `place`, another
    one, is found in the lines of output that tell of a line in `file`: its group `line` is the number of that, and
    `words` is why, where the line of output before it does not say so. The line is not quoted: it may hold a key.
    """

    command: Command
    file: str
    place: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Files to write, and then commands to run, none of which may refuse anything."""

    files: tuple[File, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSession:
    """One session of the plan, as the daemon tells of it. `why_down` is empty where it is up.

    `received` are the prefixes of its Adj-RIB-In before policy, or `received_count` says how many they are, and
    `advertised` those of its Adj-RIB-Out; None where it does not tell them, as without soft reconfiguration. Their
    attributes are not asked of it: no two daemons print all of them, nor the ones that are on the wire, so that the
    node program reads them there (`lab.overheard`).
    `updates_received` counts the UPDATEs that it has worked through since it runs, over all connections with this
    peer; None where it does not count messages.
    """

    session: str
    established: bool
    why_down: str = ""
    received: frozenset[Prefix] | None = None
    received_count: int | None = None
    advertised: frozenset[Prefix] | None = None
    updates_received: int | None = None
    bfd: BfdStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPath:
    """A path in the daemon's table: a route after the import policy, and the session it came by.

    `session` is empty for the router's own routes. `best` is for the chosen one of a prefix, and `because` is the
    daemon's word for why, empty where it gives none. `forwarding` is for the paths that packets take. `rejected` is for
    a path that the import policy refuses, where the daemon shows it.
    """

    route: Route
    session: str = ""
    best: bool = False
    forwarding: bool = False
    because: str = ""
    rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignTables:
    """What the daemon knows at one moment. `pending` is what it says itself that it has not done yet, in words."""

    sessions: tuple[ForeignSession, ...]
    paths: tuple[ForeignPath, ...]
    pending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Close a session by an administrative reset (RFC 4486 §4)."""

    session: SessionPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """Ask the neighbour of a session for all its routes (RFC 2918)."""

    session: SessionPlan


Order = Reset | AskAgain


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A program that runs as long as the router does, in the foreground, and writes its log to stdout.

    `ready` is the file of the private directory that is there when it listens to commands; empty where there is none.
    """

    command: Command
    ready: str = ""


class ForeignRouter(Protocol):
    """One router of the vendor's, with its private directory. Every command runs in the router's namespaces."""

    def prepare(self) -> Step:
        """Before the daemons start: what they read, rendered or the user's own as it is, and what judges it."""

    def daemons(self) -> tuple[Daemon, ...]:
        """The daemons, in the order of their start."""

    def configure(self, running: BgpPlan | None) -> Step | None:
        """While the daemons run: what gives them this router's configuration.

        `running` is what they have by now: nothing but what `prepare` wrote, where it is None, or the policies, rules
        and networks of an earlier plan. The answer is None where the daemon cannot change from one to the other.
        """

    def questions(self) -> tuple[Command, ...]:
        """The vendor's own commands that print its tables."""

    def tables(self, answers: tuple[str, ...]) -> ForeignTables:
        """The tables, of what the questions printed, in their order. Raises VendorError."""

    def commands(self, order: Order) -> tuple[Command, ...] | None:
        """The commands that carry out an order; None where the daemon cannot."""

    def refusal(self, answers: tuple[str, ...]) -> str:
        """Why the daemon did not do what those commands told it, in its words; empty where it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cannot:
    """What a router's plan asks for and the daemon does not do. `where` is the place of it in a file, if there is one.

    `meant` is what to do instead.
    """

    what: str
    meant: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A vendor's daemon. `programs` have to be there, found by PATH or in `directories`.

    `installs_routes` is for a daemon that puts its routes into the kernel itself; for any other the node program does.
    `reconfigures` is for one that takes other policies while it runs. `cannot` is what of a node's plan it does not do.
    `keeps_routes` is when it has its neighbours' routes from itself, and so does not ask for them again.
    `capabilities` are those that it does not start without in a container, beside the ones of every router.
    """

    name: str
    programs: tuple[str, ...]
    package: str
    directories: tuple[str, ...] = ()
    installs_routes: bool = True
    reconfigures: bool = False
    keeps_routes: str = ""
    capabilities: tuple[str, ...] = ()
    cannot: Callable[[NodePlan], Iterator[Cannot]]
    router: Callable[[NodePlan, str], ForeignRouter]
    """Of the node's plan, and the absolute path of its private directory."""
