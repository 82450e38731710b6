"""Forgetting who a customer was. Issued documents name them still, as the law wants; nothing else does."""

import uuid
from collections.abc import Callable, Collection
from typing import Any

from billing_api import clock
from billing_api.audit_log.service import record_and_note
from billing_api.customers.models import ANONYMOUS, Customer
from billing_api.database import db, find

_on_anonymize: list[Callable[[Customer], None]] = []


def on_anonymize(prepare: Callable[[Customer], None]) -> Callable[[Customer], None]:
    """Let a resource to the right, which this one does not know, refuse, or forget what it has of a customer."""
    _on_anonymize.append(prepare)
    return prepare


def anonymize(id: uuid.UUID, expected: Collection[int] | None = None) -> Customer:
    """Remove all that is personal from a customer, for good. One that has been anonymized stays as it is.

    Nobody may so much as refer to the row meanwhile: a draft that is being made for the customer is seen, or sees that
    they are archived.

    Raises:
        NotFound, PreconditionFailed, and what a resource to the right refuses with.
    """
    customer = find(Customer, id, lock=True, alone=True, expected=expected)
    if customer.anonymized_at is not None:
        return customer
    for prepare in _on_anonymize:
        prepare(customer)
    for name, value in _nobody().items():
        setattr(customer, name, value)
    customer.anonymized_at = clock.now()
    record_and_note("customer.anonymized", customer)
    db.session.flush()
    return customer


def _nobody() -> dict[str, Any]:
    """What stays says how to treat the accounts: the type, currency, language, terms and tax treatment."""
    absent = (
        "legal_name", "email", "email_key", "external_id", "registration_number", "billing_address", "shipping_address",
        "phone", "contact", "electronic_address", "exemption",
    )  # fmt: skip
    empty: dict[str, Any] = {"billing_emails": [], "tax_ids": [], "metadata_": {}}
    return {**dict.fromkeys(absent), **empty, "name": ANONYMOUS, "archived": True}
