"""What clients write about an invoice."""

from decimal import Decimal
from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.domain.document_types import INVOICE_TYPES
from billing_api.invoices.line_bodies import MAX_ADJUSTMENTS, AdjustmentInput, LineInput, Period
from billing_api.organizations.schemas import Address
from billing_api.web.bodies import Body, Metadata, Reference, Several
from billing_api.web.decimals import Exact, amount_field, plain
from billing_api.web.fields import Choice, Date, Flag, Flaw, Integer, OneLine, Prose, Text, refuse
from billing_api.web.json import as_kept
from billing_api.web.lists import currency_field, locale_field

MAX_LINES = 1000
MAX_PARTS = 5000


class ExchangeRate(Body):
    """What one unit of the invoice's currency is worth in the tax currency."""

    rate = Exact(10, 10, required=True, is_positive=True, metadata={"example": "0.7912"})
    date = Date(required=True)
    source = OneLine(128, metadata={"example": "ECB"})

    @ma.validates_schema(skip_on_field_errors=False)
    def be_positive(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("rate", 1) <= 0:
            raise refuse("exchange-rate-not-positive", "A rate of exchange must be above 0.", "/rate")


_BELOW_1 = r"0\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9])0*"
_DISCOUNT = {
    "anyOf": [
        {"type": "string", "maxLength": 40, "pattern": rf"^(100(\.0+)?|{_BELOW_1}|[1-9][0-9]?(\.[0-9]{{1,4}}0*)?)$"},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
    ],
    "example": "2",
}


class EarlyPaymentDiscount(Body):
    """What the buyer may deduct when paying soon."""

    percent = Exact(3, 4, maximum=Decimal(100), is_positive=True, required=True, shape=_DISCOUNT)
    days = Integer(0, 3650, required=True)

    @ma.validates_schema(skip_on_field_errors=False)
    def be_positive(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("percent", 1) <= 0:
            raise refuse("out-of-range", "Above 0, and at most 100.", "/percent")

    @ma.post_load
    def keep_as_json(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "percent": plain(data["percent"])}


_MEANS = "A UNTDID 4461 code, such as 58 (SEPA credit transfer) or 30 (credit transfer)."


class PaymentInstructions(Body):
    """How to pay: UNTDID 4461 and the reference to quote."""

    means_code = Text(3, pattern="[0-9A-Z]{1,3}", hint=_MEANS, metadata={"example": "58", "description": _MEANS})
    remittance_reference = OneLine(140)


class Delivery(Body):
    """Where it was delivered."""

    name = OneLine(255)
    address = fields.Nested(Address)


class PrecedingInvoice(Body):
    """An earlier invoice that this one speaks of."""

    number = OneLine(64, required=True)
    issue_date = Date()
    invoice_id = Reference("invoice")

    @ma.post_load
    def keep_as_json(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: str(value) for name, value in data.items()}


class InvoiceBody(Body):
    """What every way of writing an invoice takes."""

    customer_id = Reference("customer", required=True)
    currency = currency_field()
    type_code = Choice(*INVOICE_TYPES, load_default="380")
    issue_date = Date(load_default=None)
    due_date = Date(load_default=None)
    net_terms_days = Integer(0, 3650, load_default=None)
    supply_date = Date(load_default=None)
    billing_period = fields.Nested(Period, load_default=None)
    purchase_order_reference = OneLine(128, load_default=None)
    buyer_reference = OneLine(128, load_default=None)
    contract_reference = OneLine(128, load_default=None)
    project_reference = OneLine(128, load_default=None)
    notes = Prose(16000, load_default=None)
    payment_terms = Prose(4000, load_default=None)
    locale = locale_field(load_default=None)
    delivery = fields.Nested(Delivery, load_default=None)
    early_payment_discount = fields.Nested(EarlyPaymentDiscount, load_default=None)
    payment_instructions = fields.Nested(PaymentInstructions, load_default=None)
    preceding_invoices = Several(fields.Nested(PrecedingInvoice), 100, load_default=list)
    prices_include_tax = Flag(load_default=False)
    lines = Several(fields.Nested(LineInput), MAX_LINES, load_default=list)
    allowances = Several(fields.Nested(AdjustmentInput), MAX_ADJUSTMENTS, load_default=list)
    charges = Several(fields.Nested(AdjustmentInput), MAX_ADJUSTMENTS, load_default=list)
    prepaid_amount = amount_field(load_default=None)
    rounding_amount = amount_field(load_default=None)
    cash_rounding_increment = amount_field(load_default=None, is_positive=True)
    exchange_rate = fields.Nested(ExchangeRate, load_default=None)
    expected_total = amount_field(metadata={"description": "Refuse unless the total comes to this."})
    metadata = Metadata(attribute="metadata_", load_default=dict)

    @ma.pre_load
    def count_parts(self, data: Any, **_: Any) -> Any:
        # Before any of them is judged: what a thousand lines may have each would be half a minute of work.
        lines = data.get("lines") if isinstance(data, dict) else None
        parts = [
            len(line[name])
            for line in (lines if isinstance(lines, list) else [])
            for name in ("allowances", "charges")
            if isinstance(line, dict) and isinstance(line.get(name), list)
        ]
        if sum(parts) > MAX_PARTS:
            detail = f"All lines together have at most {MAX_PARTS} allowances and charges."
            raise ma.ValidationError({"lines": [Flaw("wrong-number-of-items", detail)]})
        return data

    @ma.validates_schema(skip_on_field_errors=False)
    def choose_one(self, data: dict[str, Any], **_: Any) -> None:
        wrong: dict[str, list[str]] = {}
        for one, other in (("due_date", "net_terms_days"), ("rounding_amount", "cash_rounding_increment")):
            if data.get(one) is not None and data.get(other) is not None:
                wrong[other] = [Flaw("mutually-exclusive", f"Give {one} or {other}, and not both.")]
        if data.get("due_date") and data.get("issue_date") and data["due_date"] < data["issue_date"]:
            wrong["due_date"] = [Flaw("due-before-issue", "It cannot be due before it is issued.")]
        if wrong:
            raise ma.ValidationError(wrong)

    @ma.post_load(pass_original=True)
    def keep_request(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> dict[str, Any]:
        # A merge patch is merged into what the client asked for, and not into what came of it.
        passing = {"finalize", "expected_total"}
        request = {name: value for name, value in original.items() if name not in passing}
        # As the column gives it back, so that what was not changed compares as equal.
        data["request"] = as_kept(request)
        return data


_CUSTOMER = "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"
_WORK = {"description": "Consulting, October", "quantity": "12.5", "unit_price": "96.00", "tax_rate": "19"}
_LINES = [
    {**_WORK, "unit": "HUR", "allowances": [{"percent": "5", "reason": "Loyalty"}]},
    {"description": "Handbook", "quantity": 2, "unit_price": "24.90", "tax_rate": "7"},
]


class InvoiceInput(InvoiceBody):
    """A new invoice: a draft, or with `finalize` issued at once."""

    examples = {
        "A draft (put in the id of a customer of yours)": {
            "customer_id": _CUSTOMER,
            "currency": "EUR",
            "net_terms_days": 14,
            "billing_period": {"start_date": "2026-10-01", "end_date": "2026-10-31"},
            "purchase_order_reference": "PO-4711",
            "lines": _LINES,
            "charges": [{"amount": "9.90", "reason": "Freight", "tax_category": "S", "tax_rate": "19"}],
            "metadata": {"order": "A-1001"},
        },
        "As little as possible": {"customer_id": _CUSTOMER, "lines": [_WORK]},
    }
    patches = {
        "Other lines": {"lines": [_WORK]},
        "A later due date": {"net_terms_days": None, "due_date": "2999-12-31", "notes": "Thank you."},
    }

    finalize = Flag(load_default=False)


class PreviewInput(InvoiceInput):
    """An invoice to compute and not to keep; nobody need be named."""

    examples = {"Two rates": {"currency": "EUR", "lines": _LINES}, "One line": {"lines": [_WORK]}}

    customer_id = Reference("customer", load_default=None)


class FinalizeInput(Body):
    """How to issue a draft."""

    examples: dict[str, dict[str, Any]] = {"Today": {}}

    issue_date = Date(load_default=None)
    expected_total = amount_field(load_default=None, metadata={"description": "Refuse unless the total comes to this."})


class VoidInput(Body):
    """Why an invoice is declared void."""

    examples: dict[str, dict[str, Any]] = {"Issued by mistake": {"reason": "Issued twice; the other one stands."}}

    reason = Prose(1000, required=True)
