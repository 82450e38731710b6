"""Seller and buyer of an invoice, as they are now, and what the buyer has left."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from billing_api import clock
from billing_api.customers import service as customers
from billing_api.customers.models import Customer
from billing_api.domain.tax import Exemption, Tax
from billing_api.domain.treatment import CATEGORY_OF
from billing_api.errors import NotFound
from billing_api.ledger.service import currencies_left
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.reading import Lock
from billing_api.reading_together import at_hand_together
from billing_api.unit_of_work import unit


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sells, and to whom; a preview may have no buyer yet. Customers, products and tax rates that are `excused` may
    be archived. In the `currencies_left` the buyer has a credit."""

    organization: Organization
    customer: Customer | None
    excused: Collection[uuid.UUID] = ()
    currencies_left: Collection[str] = ()

    @property
    def is_buyer_archived(self) -> bool:
        """Whether the buyer gets no new invoices."""
        if self.customer is None or not self.customer.archived:
            return False
        return self.customer.anonymized_at is not None or self.customer.id not in self.excused

    def currency(self, asked: str | None) -> str:
        return asked or (self.customer and self.customer.currency) or self.organization.default_currency

    def net_terms_days(self, asked: int | None) -> int:
        given = (asked, self.customer.net_terms_days if self.customer else None)
        return next((days for days in given if days is not None), self.organization.net_terms_days)

    @property
    def exempt(self) -> Exemption:
        """Why the seller charges no tax at all; nothing where it does."""
        return Exemption(reason=None if self.organization.tax_registered else self.organization.exemption_reason)

    def default_tax(self, asked: dt.date | None) -> tuple[Tax, Exemption] | None:
        """The tax, on a date of issue or today, of a line that names none, and the reason for it; None where only the
        line could say, as where the customer's exemption has ended."""
        if not self.organization.tax_registered:
            return Tax(category="E"), self.exempt
        category = CATEGORY_OF[self.customer.tax_treatment] if self.customer else None
        if category is None:
            return None
        given = (self.customer and self.customer.exemption) or {}
        on = asked or clock.today(self.organization.time_zone)
        if (end := given.get("valid_until")) is not None and dt.date.fromisoformat(end) < on:
            return None
        return Tax(category=category), Exemption(reason=given.get("reason"), code=given.get("reason_code"))


def look_up(customer_id: uuid.UUID | None, *, keep: bool = False, freeze: bool = False) -> Parties:
    """The organization, the customer that a body names, as far as there is one, and what it has left, in one statement;
    `keep` lets nobody delete the customer before the commit, `freeze` nobody change either of them."""
    lock: Lock | None = "freeze" if freeze else "keep" if keep else None
    (seller, buyer), left = at_hand_together(
        (organizations.WHOLE, unit().tenant, "freeze" if freeze else None),
        (customers.WHOLE, customer_id, lock),
        beside=currencies_left(),
        customer_id=customer_id,
    )
    if seller is None:
        raise NotFound()
    return Parties(seller, buyer, currencies_left=frozenset(left))
