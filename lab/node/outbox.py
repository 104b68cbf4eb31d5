"""What a router has to tell its neighbours, kept until the speaker asks for it.

Each UPDATE that arrives is an event of its own. What follows from all that one turn of the speaker handled goes out
together, so that routes with equal attributes share a command and an UPDATE, and what is outdated by then is not said.
"""

from __future__ import annotations

from lab.bgp import Nlri, Route
from lab.events import Announce, Withdraw


class Outbox:
    """The last word on each prefix, by session."""

    def __init__(self) -> None:
        self._last_words: dict[str, dict[Nlri, Route | None]] = {}

    def add(self, effect: Announce | Withdraw) -> None:
        """Take what a neighbour is to be told, in the place of what was to be told of the same prefixes."""
        words = self._last_words.setdefault(effect.session, {})
        if isinstance(effect, Announce):
            words.update({route.nlri: route for route in effect.routes})
        else:
            words.update(dict.fromkeys(effect.prefixes))

    def forget(self, session: str) -> None:
        """Drop what was to be said on a session that has ended."""
        self._last_words.pop(session, None)

    def take(self) -> list[Announce | Withdraw]:
        """All that is to be said; it is the caller's from now on."""
        last_words, self._last_words = self._last_words, {}
        effects: list[Announce | Withdraw] = []
        for session, words in last_words.items():
            withdrawn = tuple(nlri for nlri, route in words.items() if route is None)
            announced = tuple(route for route in words.values() if route is not None)
            if withdrawn:
                effects.append(Withdraw(session=session, prefixes=withdrawn))
            if announced:
                effects.append(Announce(session=session, routes=announced))
        return effects
