"""One of Microsoft's edges: when it keeps its sessions closed, and what it does to routes before a maintenance."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bgp import Family
from lab.expressroute.assumptions import Assumptions
from lab.expressroute.facts import CIRCUIT_PEERINGS, MAINTENANCE, MAINTENANCE_PREPENDS, MICROSOFT_ASN, WORKFLOWS
from lab.policy import Change, Fate, Term
from lab.topology import Circuit, Link, MaintenancePhase, Peering, PrefixState, Provisioning

PREPENDED = Term(
    name="maintenance", fate=Fate.NEXT_TERM, change=Change(prepend=(MICROSOFT_ASN,) * MAINTENANCE_PREPENDS)
)
"""Eight times 12076 on routes towards the customer and towards the gateway (documented in `MAINTENANCE`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The edge at a link of a circuit, and the answers that its behaviour depends on."""

    circuit: Circuit
    link: Link
    assumed: Assumptions

    @property
    def _phase(self) -> MaintenancePhase | None:
        maintenance = self.circuit.maintenance
        return maintenance.phase if maintenance is not None and maintenance.link is self.link else None

    @property
    def prepends(self) -> tuple[Term, ...]:
        """What stands in a policy before its last term: the prepending while the edge drains."""
        return (PREPENDED,) if self._phase is MaintenancePhase.PREPENDED else ()

    @property
    def why_it_prepends(self) -> str:
        """What the source of a policy says of that."""
        return f"; documented: 12076 eight times before a maintenance ({MAINTENANCE})" if self.prepends else ""

    def name_of(self, policy: str, *, of_circuit: bool = False) -> str:
        """The name of a policy, which is another one while the edge drains, and, where asked, for each circuit."""
        parts = [policy, self.circuit.name if of_circuit else "", "in-maintenance" if self.prepends else ""]
        return "-".join(filter(None, parts))

    @property
    def why_drained(self) -> str:
        """Why it keeps every session closed; empty where it does not.

        Documented are the notice and the prepending before a maintenance; that the sessions end in it is inferred.
        """
        if self._phase is not MaintenancePhase.DRAINED:
            return ""
        return f"planned maintenance of the {self.link.value} link's edge (inferred: {MAINTENANCE})"

    def why_closed(self, peering: Peering, family: Family) -> str:
        """Why it keeps its session with the customer closed; empty where it does not."""
        if self.circuit.provisioning is not Provisioning.PROVISIONED:
            state = self.circuit.provisioning.value.replace("_", " ")
            return f"the circuit's provider status is '{state}' (documented: {WORKFLOWS})"
        if family not in peering.enabled:
            return f"the peering is disabled for {family.value} (documented: {CIRCUIT_PEERINGS})"
        if peering.public is not None and peering.public.state is PrefixState.VALIDATION_NEEDED:
            return f"the advertised public prefixes need validation (documented: {WORKFLOWS})"
        return self.why_drained
