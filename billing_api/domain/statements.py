"""What the entries of the books mean to a customer: the kinds of movement of a statement, and how they are reconciled.

closing = opening + invoiced - credited - received + refunded - written_off
"""

from collections.abc import Iterable
from dataclasses import dataclass

MOVEMENTS: dict[str, str | None] = {
    "invoice_issued": "invoiced",
    "invoice_voided": "invoiced",
    "invoice_carried_over": "invoiced",
    "credit_note_issued": "credited",
    "payment_received": "received",
    "payment_reversed": "received",
    "refund_paid": "refunded",
    "invoice_written_off": "written_off",
    "write_off_reversed": "written_off",
    "credit_applied": None,
    "credit_released": None,
}
"""What each type of entry counts as; None where it moves nothing between the customer and the seller. `invoiced` is
net of voids, `received` of reversals, `written_off` of what is expected again."""

_LOWERING = frozenset({"credited", "received", "written_off"})
"""Kinds that are stated with the sign of the deed, and lower what the customer owes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """How the opening balance became the closing one, in minor units."""

    opening: int
    invoiced: int
    credited: int
    received: int
    refunded: int
    written_off: int

    @property
    def closing(self) -> int:
        """What the customer owes at the end; below zero the seller does."""
        return self.opening + self.invoiced - self.credited - self.received + self.refunded - self.written_off


def reconciled(opening: int, movements: Iterable[tuple[str, int]]) -> Reconciliation:
    """The reconciliation of movements, each the type of an entry and what it adds to the balance, in minor units.

    What should have moved nothing is counted nowhere, so that books in which it did do not add up.
    """
    sums = dict.fromkeys(("invoiced", "credited", "received", "refunded", "written_off"), 0)
    for type, amount in movements:
        if kind := MOVEMENTS.get(type):
            sums[kind] += -amount if kind in _LOWERING else amount
    return Reconciliation(opening=opening, **sums)
