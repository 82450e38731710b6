"""What clients write about a credit note."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.domain.methods import METHODS
from billing_api.invoices.bodies import (
    MAX_LINES,
    ExchangeRate,
    InvoiceBody,
    PrecedingInvoice,
)
from billing_api.invoices.line_bodies import LineBody
from billing_api.web.bodies import Body, Metadata, Reference, Several
from billing_api.web.decimals import amount_field, quantity_field
from billing_api.web.fields import Choice, Date, Flag, Flaw, Id, OneLine, Prose
from billing_api.web.lists import currency_field, locale_field

_OF_THE_INVOICE = (
    "customer_id", "currency", "prices_include_tax", "preceding_invoices", "exchange_rate", "purchase_order_reference",
    "buyer_reference", "contract_reference", "project_reference", "locale",
)  # fmt: skip
"""What a credit note over an invoice takes from it."""
_CHOICE = ("invoice_line_id", "quantity", "net_amount")
"""What a line of the invoice is credited by."""
_INVOICE_LINE = "The line of the invoice. A line by itself, which needs no invoice, has a description and a price."
_INVOICE = "The invoice to credit, which gives customer, currency, prices and taxes. Left out: a credit note by itself."
_SETTLEMENT = (
    "What becomes of money beyond what is still due on the invoice: `balance` keeps it to the customer's credit, "
    "`refund` pays it back at once, which needs the scope `payments:write` too."
)
_REFUND = "How the money goes back, with `settlement` `refund`."
_LINES = (
    "Of an invoice: the lines to credit; left out, with `charges` too, all that remains. By itself: lines of its own."
)
_CHARGES = "Allowances and charges of the invoice that no line shares; the others are credited with the lines."
_ISSUE_DATE = (
    "Left out: today in the organization's time zone, or the date of the last credit note where that is later."
)
_NOTES = "Words to the buyer, printed on the credit note."
_PRECEDING = "The invoices that a credit note by itself speaks of; at least one."
_NET_AMOUNT = (
    "How much of what remains of it, in the price mode of the invoice: including tax where its prices do. Of an "
    "allowance it is negative."
)


class CreditNoteLineInput(LineBody):
    """A line of the invoice to credit, by quantity, by amount, or all that remains; or a line by itself."""

    invoice_line_id = Id(metadata={"description": _INVOICE_LINE})
    net_amount = amount_field(metadata={"description": _NET_AMOUNT})
    quantity = quantity_field()


class CreditNoteChargeInput(Body):
    """An allowance or charge of the invoice that no line shares; all that remains of it, where no amount is given."""

    id = Id(required=True)
    net_amount = amount_field(metadata={"description": _NET_AMOUNT})


class RefundTerms(Body):
    """How money goes back."""

    payment_date = Date(load_default=None)
    method = Choice(*METHODS, load_default="other", metadata={"example": "bank_transfer"})
    reference = OneLine(140, load_default=None)


_REFUND_TERMS: dict[str, Any] = {"payment_date": None, "method": "other", "reference": None}
_LINE = {"description": "Goods sent back", "quantity": "1", "unit_price": "50.00", "tax_rate": "19"}


class CreditNoteInput(Body):
    """A credit note: with `invoice_id` over an invoice, else by itself, with a customer and lines of its own."""

    examples: dict[str, dict[str, Any]] = {
        "All that remains of an invoice (put in its id)": {
            "invoice_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e",
            "reason": "Cancelled by agreement",
            "settlement": "balance",
        },
        "By itself (put in the id of a customer of yours)": {
            "customer_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e",
            "reason": "Bonus of the year",
            "currency": "EUR",
            "preceding_invoices": [{"number": "A-4711", "issue_date": "2026-01-31"}],
            "lines": [_LINE],
        },
    }

    invoice_id = Reference("invoice", load_default=None, metadata={"description": _INVOICE})
    customer_id = Reference("customer", load_default=None)
    currency = currency_field()
    reason = Prose(1000, required=True)
    settlement = Choice("balance", "refund", load_default="balance", metadata={"description": _SETTLEMENT})
    refund = fields.Nested(RefundTerms, load_default=_REFUND_TERMS.copy, metadata={"description": _REFUND})
    issue_date = Date(load_default=None, metadata={"description": _ISSUE_DATE})
    notes = Prose(16000, load_default=None, metadata={"description": _NOTES})
    purchase_order_reference = OneLine(128, load_default=None)
    buyer_reference = OneLine(128, load_default=None)
    contract_reference = OneLine(128, load_default=None)
    project_reference = OneLine(128, load_default=None)
    locale = locale_field(load_default=None)
    preceding_invoices = Several(
        fields.Nested(PrecedingInvoice), 100, load_default=list, metadata={"description": _PRECEDING}
    )
    prices_include_tax = Flag(load_default=False)
    lines = Several(
        fields.Nested(CreditNoteLineInput), MAX_LINES, 1, load_default=None, metadata={"description": _LINES}
    )
    charges = Several(
        fields.Nested(CreditNoteChargeInput), 100, 1, load_default=None, metadata={"description": _CHARGES}
    )
    exchange_rate = fields.Nested(ExchangeRate, load_default=None)
    metadata = Metadata(attribute="metadata_", load_default=dict)

    needs_customer = True
    count_parts = InvoiceBody.count_parts
    keep_request = InvoiceBody.keep_request

    @ma.validates_schema(skip_on_field_errors=False, pass_original=True)
    def be_of_one_kind(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        given = {name for name, value in original.items() if value is not None}
        wrong = dict(_flaws_over(original, given) if "invoice_id" in given else self._flaws_by_itself(original, given))
        if "refund" in given and data.get("settlement") != "refund":
            wrong["refund"] = [Flaw("mutually-exclusive", "Nothing is refunded to the balance: leave it out.")]
        if wrong:
            raise ma.ValidationError(wrong)

    def _flaws_by_itself(self, original: dict[str, Any], given: set[str]) -> dict[str, Any]:
        wrong: dict[str, Any] = {}
        if self.needs_customer and "customer_id" not in given:
            wrong["invoice_id"] = [Flaw("required", "Name an invoice, or a customer and lines of its own.")]
            return wrong
        if not original.get("preceding_invoices"):
            wrong["preceding_invoices"] = [Flaw("required", "Name the invoices that it speaks of.")]
        if "charges" in given:
            wrong["charges"] = [Flaw("only-with-invoice-id", "Only those of an invoice can be credited.")]
        if "lines" not in given:
            wrong["lines"] = [Flaw("required", "This member is required.")]
        return wrong | _of_lines(original, _flaws_of_own_line)


class CreditNotePreviewInput(CreditNoteInput):
    """A credit note to compute and not to keep; nobody need be named for one by itself."""

    needs_customer = False


def _flaws_over(original: dict[str, Any], given: set[str]) -> dict[str, Any]:
    wrong: dict[str, Any] = {
        name: [Flaw("not-with-invoice-id", "It is taken from the invoice: leave it out.")]
        for name in _OF_THE_INVOICE
        if name in given
    }
    return wrong | _of_lines(original, _flaws_of_choice)


def _of_lines(original: dict[str, Any], judge: Any) -> dict[str, Any]:
    lines = original.get("lines")
    several = enumerate(lines if isinstance(lines, list) else [])
    judged = {at: judge({name for name, value in line.items() if value is not None})
              for at, line in several if isinstance(line, dict)}  # fmt: skip
    wrong = {at: flaws for at, flaws in judged.items() if flaws}
    return {"lines": wrong} if wrong else {}


def _flaws_of_choice(given: set[str]) -> dict[str, Any]:
    known = CreditNoteLineInput._declared_fields
    wrong: dict[str, Any] = {
        name: [Flaw("not-with-invoice-id", "The line of the invoice says it: leave it out.")]
        for name in sorted(given - set(_CHOICE))
        if name in known
    }
    if "invoice_line_id" not in given:
        wrong["invoice_line_id"] = [Flaw("required", "This member is required.")]
    return wrong


def _flaws_of_own_line(given: set[str]) -> dict[str, Any]:
    wrong: dict[str, Any] = {
        name: [Flaw("only-with-invoice-id", "Only a line of an invoice is credited by it.")]
        for name in ("invoice_line_id", "net_amount")
        if name in given
    }
    missing = {"quantity", *(() if "product_id" in given else ("description",))} - given
    return wrong | {name: [Flaw("required", "This member is required.")] for name in sorted(missing)}


class CreditNoteEdit(Body):
    """What may be changed of a credit note."""

    patches = {"Metadata": {"metadata": {"case": "R-77"}}}

    metadata = Metadata(attribute="metadata_", load_default=dict)


class ReviseInput(Body):
    """Why an invoice is replaced."""

    examples: dict[str, dict[str, Any]] = {"A wrong price": {"reason": "The price was agreed differently."}}

    reason = Prose(1000, required=True)
