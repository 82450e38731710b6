"""What the model of the books knows: customers, invoices, sources of money. Amounts are whole minor units."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from tests.journeys.figures import Figures, figures

STANDING = ("open", "paid", "uncollectible")
OWING = ("open", "uncollectible")


def today() -> dt.date:
    """The date in the seller's time zone."""
    return dt.datetime.now(ZoneInfo("Europe/Berlin")).date()


class Refused(Exception):
    """What the rules forbid, with the answer that says so."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code


@dataclass(eq=False)
class Thing:
    """Something that the service gives an id to."""

    id: str = ""


@dataclass(eq=False)
class Customer(Thing):
    """Somebody who buys."""


@dataclass(eq=False)
class Refund(Thing):
    """Money that went back."""


@dataclass(eq=False)
class Use:
    """What an invoice has of a source, until it is released."""

    invoice: "Invoice"
    amount: int


@dataclass(eq=False, kw_only=True)
class Source(Thing):
    """Money of a customer's: a payment, a credit note or a negative invoice."""

    kind: str
    customer: str
    currency: str
    amount: int
    on: dt.date
    refunded: int = 0
    is_reversed: bool = False
    origin: "Invoice | None" = None
    """The invoice below zero that it is."""
    uses: list[Use] = field(default_factory=list)

    @property
    def allocated(self) -> int:
        return sum(use.amount for use in self.uses)

    @property
    def available(self) -> int:
        return 0 if self.is_reversed else self.amount - self.allocated - self.refunded


@dataclass(eq=False, kw_only=True)
class Invoice(Thing):
    """An invoice; `body` is what was asked for."""

    body: dict[str, Any]
    status: str = "draft"
    paid: int = 0
    credited: int = 0
    noted: int = 0
    """What its credit notes come to."""
    is_sent: bool = False
    replaces: "Invoice | None" = None
    """The issued invoice in whose place it came."""
    is_given_up: bool = False
    was_reopened: bool = False
    was_expected_again: bool = False
    issued_on: dt.date | None = None

    @property
    def currency(self) -> str:
        return str(self.body["currency"])

    @property
    def customer(self) -> str:
        return str(self.body["customer_id"])

    @property
    def figures(self) -> Figures:
        return figures(self.body)

    @property
    def due(self) -> int:
        return 0 if self.status == "void" else self.figures.payable - self.paid - self.credited

    @property
    def creditable(self) -> int:
        return max(0, self.figures.total) - self.noted if self.status in STANDING else 0

    @property
    def settled_by(self) -> str | None:
        if self.status != "paid":
            return None
        by = {(True, True): "mixed", (True, False): "payment", (False, True): "credit", (False, False): "nothing"}
        return by[self.paid > 0, self.credited > 0]
