"""The forms of balances, statements and reports."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.domain.bookkeeping import ACCOUNTS, ENTRY_TYPES
from billing_api.domain.tax import CATEGORIES
from billing_api.web.decimals import Exact, Money
from billing_api.web.fields import LINKS, Choice, Date, Flaw, Id, Schema
from billing_api.web.lists import currency_field

_FROM = "The first day; {}."
_LAST = "today in the organization's time zone by default, or the last day of the books where that is later."
_TO = f"The last day, which counts; {_LAST}"


class CurrencyQuery(Schema):
    """Of which currency."""

    currency = currency_field()


class _PeriodQuery(Schema):
    """Two days, where both are named; whether one fits the default of the other is known only with the books."""

    @ma.validates_schema(skip_on_field_errors=False)
    def period_runs_forwards(self, data: dict[str, Any], **_: Any) -> None:
        if "start" in data and "end" in data and data["end"] < data["start"]:
            raise ma.ValidationError({"from": [Flaw("period-runs-backwards", "The period ends before it begins.")]})


class StatementQuery(_PeriodQuery):
    """From which day to which, in which currency."""

    start = Date(
        data_key="from", metadata={"description": _FROM.format("that of the customer's first entry by default")}
    )
    end = Date(data_key="to", metadata={"description": _TO})
    currency = currency_field(metadata={"description": "Needed where the customer has entries in several currencies."})


class TaxQuery(_PeriodQuery):
    """From which day to which."""

    start = Date(
        data_key="from",
        metadata={"description": _FROM.format("that of the month of `to`, or of today")},
    )
    end = Date(data_key="to", metadata={"description": _TO})
    currency = currency_field()


class TrialBalanceQuery(Schema):
    """Up to which day."""

    as_of = Date(metadata={"description": f"The day, which counts; {_LAST}"})
    currency = currency_field()


class CurrencyBalanceOutput(Schema):
    """What a customer owes and has to their credit in a currency."""

    currency = fields.String(required=True)
    receivable = Money(required=True)
    overdue = Money(required=True)
    available_credit = Money(required=True)
    net = Money(required=True)
    uncollectible = Money(required=True)


def _customer_links(balance: Any) -> dict[str, str]:
    customer = f"/v1/customers/{balance['customer_id']}"
    return {"self": f"{customer}/balance", "customer": customer, "statement": f"{customer}/statement"}


class CustomerBalanceOutput(Schema):
    """What a customer owes and has to their credit."""

    rows = ("balances",)

    customer_id = Id(required=True)
    balances = fields.List(fields.Nested(CurrencyBalanceOutput), required=True)
    links = fields.Function(_customer_links, metadata=LINKS)


class StatementObject(Schema):
    """The document behind a movement."""

    type = fields.String(required=True)
    id = Id(required=True)


class StatementLineOutput(Schema):
    """A movement between the customer and the seller."""

    date = Date(required=True)
    type = Choice(*ENTRY_TYPES, hint="The kind of the entry.", required=True)
    object = fields.Nested(StatementObject, required=True)
    number = fields.String(required=True, allow_none=True)
    reference = fields.String(required=True, allow_none=True)
    currency = fields.String(required=True)
    amount = Money(required=True)
    balance = Money(required=True)


class ReconciliationOutput(Schema):
    """How the opening balance became the closing one, and the proof of it."""

    opening = Money(required=True)
    invoiced = Money(required=True)
    credited = Money(required=True)
    received = Money(required=True)
    refunded = Money(required=True)
    written_off = Money(required=True)
    closing = Money(required=True)
    difference = Money(required=True)


def _statement_links(statement: Any) -> dict[str, str]:
    customer = f"/v1/customers/{statement['customer_id']}"
    days = f"from={statement['from']}&to={statement['to']}&currency={statement['currency']}"
    return {
        "self": f"{customer}/statement?{days}",
        "customer": customer,
        "entries": f"/v1/ledger/entries?customer_id={statement['customer_id']}&currency={statement['currency']}",
    }


class StatementOutput(Schema):
    """The movements of a customer between two days."""

    rows = ("lines",)

    customer_id = Id(required=True)
    currency = fields.String(required=True)
    start = Date(required=True, data_key="from", attribute="from")
    end = Date(required=True, data_key="to", attribute="to")
    opening = Money(required=True)
    lines = fields.List(fields.Nested(StatementLineOutput), required=True)
    closing = Money(required=True)
    reconciliation = fields.Nested(ReconciliationOutput, required=True)
    links = fields.Function(_statement_links, metadata=LINKS)


class TrialBalanceLineOutput(Schema):
    """What an account has been debited and credited with."""

    currency = fields.String(required=True)
    account = Choice(*ACCOUNTS, required=True)
    debit = Money(required=True)
    credit = Money(required=True)
    balance = Money(required=True)


class TrialBalanceTotalOutput(Schema):
    """What all accounts of a currency come to."""

    currency = fields.String(required=True)
    debit = Money(required=True)
    credit = Money(required=True)


class TrialBalanceOutput(Schema):
    """The accounts as they stood at the end of a day."""

    rows = ("lines",)

    as_of = Date(required=True)
    lines = fields.List(fields.Nested(TrialBalanceLineOutput), required=True)
    totals = fields.List(fields.Nested(TrialBalanceTotalOutput), required=True)
    links = fields.Function(
        lambda report: {"self": f"/v1/reports/trial-balance?as_of={report['as_of']}"}, metadata=LINKS
    )


class TaxedDocumentOutput(Schema):
    """What a document adds to a tax group."""

    type = Choice("invoice", "invoice_void", "credit_note", required=True)
    id = Id(required=True)
    number = fields.String(required=True)
    date = Date(required=True)
    taxable_amount = Money(required=True)
    tax_amount = Money(required=True)


class TaxSummaryGroupOutput(Schema):
    """The documents under one tax, and what they come to."""

    currency = fields.String(required=True)
    category = Choice(*CATEGORIES, required=True)
    rate = Exact(4, 4, required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    taxable_amount = Money(required=True)
    tax_amount = Money(required=True)
    tax_payable = Money(required=True)
    difference = Money(required=True)
    documents = fields.List(fields.Nested(TaxedDocumentOutput), required=True)


class TaxSummaryTotalOutput(Schema):
    """The tax of a currency, by the documents and by the books."""

    currency = fields.String(required=True)
    tax_amount = Money(required=True)
    tax_payable = Money(required=True)
    difference = Money(required=True)


class TaxSummaryOutput(Schema):
    """The tax of a period, group by group and document by document."""

    rows = ("groups", "documents")

    start = Date(required=True, data_key="from", attribute="from")
    end = Date(required=True, data_key="to", attribute="to")
    groups = fields.List(fields.Nested(TaxSummaryGroupOutput), required=True)
    totals = fields.List(fields.Nested(TaxSummaryTotalOutput), required=True)
    links = fields.Function(
        lambda report: {"self": f"/v1/reports/tax-summary?from={report['from']}&to={report['to']}"}, metadata=LINKS
    )
