"""What a router tells the supervisor of its sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.node_messages import SessionReport
from lab.router import Router


def session_reports(router: Router, updates: Mapping[str, tuple[int, int]]) -> Iterator[SessionReport]:
    """A report of each session; `updates` are the UPDATEs that it has sent and received since it came up."""
    counts = router.route_counts()
    for name, (established, adj_rib_in, adj_rib_out, why_down) in router.fingerprints().items():
        sent, received = updates.get(name, (0, 0))
        yield SessionReport(
            session=name,
            established=established,
            adj_rib_in=adj_rib_in,
            adj_rib_out=adj_rib_out,
            updates_sent=sent,
            updates_received=received,
            why_down=why_down,
            bfd=router.bfd(name),
            routes_in=counts[name][0],
            routes_out=counts[name][1],
        )
