"""What is written about an invoice that was issued elsewhere."""

from typing import Any

import marshmallow as ma

from billing_api.invoices.bodies import InvoiceBody
from billing_api.web.bodies import Reference
from billing_api.web.decimals import amount_field
from billing_api.web.fields import Choice, Date, Key, Prose, refuse

_OF_THE_PAST = frozenset({"number", "amount_paid", "status", "void_reason", "customer_external_id"})
"""What is no part of what an invoice asks for."""


class InvoiceImport(InvoiceBody):
    """An issued invoice of another system: as a new one, with its number, its date, and what was paid on it."""

    customer_id = Reference("customer", load_default=None)
    customer_external_id = Key(255, load_default=None)
    number = Key(64, required=True)
    issue_date = Date(required=True)
    amount_paid = amount_field(load_default=0)
    status = Choice("open", "paid", "uncollectible", "void", load_default=None)
    void_reason = Prose(1000, load_default=None)

    @ma.validates_schema(skip_on_field_errors=False, pass_original=True)
    def name_customer(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("customer_id", "customer_external_id") if original.get(name) is not None]
        if not given:
            raise refuse("required", "Name the customer by external_id, or by id.", "/customer_external_id")
        if len(given) > 1:
            raise refuse(
                "mutually-exclusive", "Give customer_id or customer_external_id, and not both.", "/customer_id"
            )

    @ma.validates_schema(skip_on_field_errors=False)
    def give_reason_of_void(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("void_reason") is not None and data.get("status") != "void":
            raise refuse("mutually-exclusive", "Only a void invoice has a void_reason.", "/void_reason")

    @ma.post_load(pass_original=True)
    def keep_request(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> dict[str, Any]:
        asked = {name: value for name, value in original.items() if name not in _OF_THE_PAST}
        body: dict[str, Any] = super().keep_request(data, asked)
        return body
