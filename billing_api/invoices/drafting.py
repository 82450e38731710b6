"""From what was asked for to an invoice with every figure computed: the same for a draft, a preview and an edit."""

from collections.abc import Mapping, Sequence
from typing import Any

from billing_api.domain import money
from billing_api.domain.adjustments import Adjustment, stated
from billing_api.domain.exchange import convert_taxes
from billing_api.domain.lines import Line
from billing_api.domain.tax import Tax
from billing_api.domain.terms import due_date
from billing_api.domain.totals import Document, Totals, calculate
from billing_api.errors import Fault, Invalid
from billing_api.invoices.models import Invoice
from billing_api.invoices.parties import Parties
from billing_api.invoices.resolving import ResolvedLine, Setting, resolve
from billing_api.invoices.rows import period, set_parts
from billing_api.organizations.models import Organization


class TotalMismatch(Invalid):
    """The invoice does not come to `expected_total`, so nothing was kept or issued. `total` says what it comes to, and
    `calculation` where every step to it is explained: of a draft that stands its own address, to GET; else that of the
    preview, to which the same body is POSTed without `expected_total`. Compare the steps with your own, and mend the
    body or what you expect."""

    code = "total-mismatch"
    title = "The total is not the expected one"


_PLAIN = (
    "type_code", "issue_date", "supply_date", "purchase_order_reference", "buyer_reference", "contract_reference",
    "project_reference", "notes", "payment_terms", "locale", "delivery", "early_payment_discount",
    "payment_instructions", "preceding_invoices", "metadata_", "prices_include_tax",
)  # fmt: skip


def write(invoice: Invoice, body: Mapping[str, Any], parties: Parties, *, keep: bool) -> None:
    """Make the invoice what the body asks for, in place of what it was; with `keep` nobody changes before the commit
    what it takes from the catalogue.

    Raises:
        Invalid: with every fault of the figures at once.
        TotalMismatch: it does not come to the expected total.
    """
    currency = money.currency(parties.currency(body.get("currency")))
    faults: list[Fault] = []
    lines = resolve(body["lines"], _setting(body, parties, currency), faults, keep=keep)
    expected = stated(body.get("expected_total"), currency, "/expected_total", faults)
    document = _document(body, lines, currency)
    totals = _totals(document, faults)
    invoice.customer_id = parties.customer.id if parties.customer else None  # type: ignore[assignment]  # in previews
    # The currency becomes part of what was asked for: a default that changes later must not turn euros into dollars.
    invoice.currency, invoice.request = currency.code, {**body["request"], "currency": currency.code}
    for name in _PLAIN:
        setattr(invoice, name, body[name])
    invoice.billing_period_start, invoice.billing_period_end = period(body["billing_period"])
    _set_terms(invoice, body, parties)
    _set_totals(invoice, body, totals, currency)
    set_parts(invoice, body, lines, document, totals, parties.exempt)
    _set_rate(invoice, body["exchange_rate"] or {})
    set_exchange(invoice, parties.organization)
    check_total(invoice, expected, "/v1/invoices/preview?include=calculation")


def check_total(invoice: Invoice, expected: int | None, explained_at: str) -> None:
    """Hold the total against the client's own, in minor units; who was wrong finds every step of it at an address.

    Raises:
        TotalMismatch: they differ.
    """
    if expected is not None and expected != invoice.total:
        total = money.amount_text(invoice.total, invoice.currency)
        detail = f"It comes to {total}."
        faults, members = [Fault("total-mismatch", detail, "/expected_total")], {"calculation": explained_at}
        raise TotalMismatch(detail, faults=faults, members={"total": total, **members})


def set_due_date(invoice: Invoice) -> None:
    """The due date that follows from the date of issue, unless it was given by itself."""
    if invoice.net_terms_days is not None and invoice.issue_date is not None:
        invoice.due_date = due_date(invoice.issue_date, invoice.net_terms_days)


def set_exchange(invoice: Invoice, seller: Organization) -> None:
    """The tax in the seller's tax currency (rule 13), where that is another one and a rate is given."""
    invoice.tax_currency = _other_currency(invoice, seller)
    invoice.tax_total_in_tax_currency = set_exchange_of_groups(invoice, seller)


def set_exchange_of_groups(invoice: Invoice, seller: Organization) -> int | None:
    """The same for the rows of the breakdown alone; returns what the whole tax comes to."""
    total, target = None, _other_currency(invoice, seller)
    shares: Sequence[int | None] = [None] * len(invoice.tax_breakdown)
    if invoice.exchange_rate is not None and target:
        source, other = money.currency(invoice.currency), money.currency(target)
        taxes = [group.tax_amount for group in invoice.tax_breakdown]
        converted = convert_taxes(taxes, invoice.exchange_rate, source, other)
        total, shares = converted.tax_total, converted.group_taxes
    for group, tax in zip(invoice.tax_breakdown, shares, strict=True):
        group.tax_amount_in_tax_currency = tax
    return total


def _other_currency(invoice: Invoice, seller: Organization) -> str | None:
    return seller.tax_currency if seller.tax_currency != invoice.currency else None


def _setting(body: Mapping[str, Any], parties: Parties, currency: money.Currency) -> Setting:
    return Setting(
        currency=currency.code,
        prices_include_tax=body["prices_include_tax"],
        default=parties.default_tax(body["issue_date"]),
        exempt=parties.exempt,
        excused=parties.excused,
    )


def _totals(document: Document, faults: list[Fault]) -> Totals:
    try:
        totals = calculate(document)
    except Invalid as refusal:
        # What a line lacks because its product is not there is no fault of its own.
        spoilt = {_line_of(fault) for fault in faults}
        raise Invalid(faults=[*faults, *(one for one in refusal.faults if _line_of(one) not in spoilt)]) from None
    if faults:
        raise Invalid(faults=faults)
    return totals


def _line_of(fault: Fault) -> str:
    return "/".join((fault.pointer or "").split("/")[:3])


def _document(body: Mapping[str, Any], lines: Sequence[ResolvedLine], currency: money.Currency) -> Document:
    return Document(
        currency=currency,
        lines=tuple(_line(line) for line in lines),
        allowances=tuple(_adjustment(given) for given in body["allowances"]),
        charges=tuple(_adjustment(given) for given in body["charges"]),
        prices_include_tax=body["prices_include_tax"],
        prepaid_amount=body["prepaid_amount"],
        rounding_amount=body["rounding_amount"],
        cash_rounding_increment=body["cash_rounding_increment"],
    )


def _line(line: ResolvedLine) -> Line:
    given = line.given
    return Line(
        quantity=given["quantity"],
        unit_price=given.get("unit_price"),
        gross_price=given.get("gross_price"),
        price_discount=given.get("price_discount"),
        base_quantity=given["base_quantity"],
        allowances=tuple(_adjustment(one) for one in given["allowances"]),
        charges=tuple(_adjustment(one) for one in given["charges"]),
        taxes=tuple(one.tax for one in line.taxes),
        has_tax_list="taxes" in given,
    )


def _adjustment(given: Mapping[str, Any]) -> Adjustment:
    category = given.get("tax_category")
    return Adjustment(
        amount=given.get("amount"),
        percent=given.get("percent"),
        base_amount=given.get("base_amount"),
        tax=Tax(category=category, rate=given.get("tax_rate")) if category else None,
    )


def _set_terms(invoice: Invoice, body: Mapping[str, Any], parties: Parties) -> None:
    invoice.due_date = body["due_date"]
    invoice.net_terms_days = None if body["due_date"] else parties.net_terms_days(body["net_terms_days"])
    set_due_date(invoice)


def _set_rate(invoice: Invoice, rate: Mapping[str, Any]) -> None:
    invoice.exchange_rate, invoice.exchange_rate_date = rate.get("rate"), rate.get("date")
    invoice.exchange_rate_source = rate.get("source")


def _set_totals(invoice: Invoice, body: Mapping[str, Any], totals: Totals, currency: money.Currency) -> None:
    for name in (
        "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "prepaid_amount",
        "rounding_amount", "payable_amount",
    ):  # fmt: skip
        setattr(invoice, name, getattr(totals, name))
    increment = body["cash_rounding_increment"]
    invoice.cash_rounding_increment = None if increment is None else money.to_minor(increment, currency)
    invoice.amount_paid = invoice.amount_settled_before = invoice.amount_credited = invoice.total_credited = 0
