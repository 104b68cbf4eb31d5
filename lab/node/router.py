"""What a router's process runs: the lab's own router, or the node program of another vendor's daemon."""

from __future__ import annotations

from lab.channel import Channel
from lab.plan import NodePlan


def be_router(node: NodePlan, supervisor: Channel, *, again: bool = False) -> None:
    """Be the router of `node` until the supervisor is gone. Raises LabBroken where the speaker ends.

    With `again` an earlier process has been it, and the kernel still has what that one configured.
    """
    if node.speaker is None:
        from lab.node import program

        program.run(node, supervisor, again=again)
    else:
        from lab.node import foreign
        from lab.vendors.every import VENDORS

        foreign.run(node, VENDORS[node.speaker.kind], supervisor, again=again)
