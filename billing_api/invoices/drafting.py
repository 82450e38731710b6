"""From what was asked for to an invoice with every figure computed: the same for a draft, a preview and an edit."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from uuid_utils.compat import uuid7

from billing_api.customers.models import Customer
from billing_api.domain import money
from billing_api.domain.adjustments import Adjustment
from billing_api.domain.exchange import convert_taxes
from billing_api.domain.groups import Group
from billing_api.domain.lines import Line
from billing_api.domain.tax import Exemption, Tax, TaxKey, exemption, key
from billing_api.domain.terms import due_date
from billing_api.domain.totals import AdjustmentTotals, Document, LineTotals, Totals, calculate
from billing_api.domain.treatment import CATEGORY_OF
from billing_api.errors import Fault, Invalid
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceAdjustment, InvoiceLine, InvoiceLineTax, InvoiceTaxGroup
from billing_api.organizations.models import Organization


class TotalMismatch(Invalid):
    """The invoice does not come to `expected_total`, so it was not kept. Compare the lines and the tax breakdown of a
    preview with your own sum."""

    code = "total-mismatch"
    title = "The total is not the expected one"


_PLAIN = (
    "type_code", "issue_date", "supply_date", "purchase_order_reference", "buyer_reference", "contract_reference",
    "project_reference", "notes", "payment_terms", "locale", "delivery", "early_payment_discount",
    "payment_instructions", "preceding_invoices", "metadata_", "prices_include_tax",
)  # fmt: skip
_LINE_PLAIN = (
    "description", "details", "sku", "order_line_reference", "quantity", "unit", "base_quantity", "exemption_reason",
    "exemption_reason_code", "metadata_",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sells, and to whom; a preview may have no buyer yet."""

    organization: Organization
    customer: Customer | None

    def currency(self, asked: str | None) -> str:
        return asked or (self.customer and self.customer.currency) or self.organization.default_currency

    def net_terms_days(self, asked: int | None) -> int:
        given = (asked, self.customer.net_terms_days if self.customer else None)
        return next((days for days in given if days is not None), self.organization.net_terms_days)

    def default_tax(self) -> tuple[Tax, Exemption] | None:
        """The tax of a line that names none, and the reason for it; None where only the line could say."""
        if not self.organization.tax_registered:
            return Tax(category="E"), Exemption(reason=self.organization.exemption_reason)
        category = CATEGORY_OF[self.customer.tax_treatment] if self.customer else None
        if category is None:
            return None
        given = (self.customer and self.customer.exemption) or {}
        return Tax(category=category), Exemption(reason=given.get("reason"), code=given.get("reason_code"))


def write(invoice: Invoice, body: Mapping[str, Any], parties: Parties) -> None:
    """Make the invoice what the body asks for, in place of what it was.

    Raises:
        Invalid: with every fault of the figures at once.
        TotalMismatch: it does not come to the expected total.
    """
    currency = money.currency(parties.currency(body.get("currency")))
    document = _document(body, currency, parties)
    totals = calculate(document)
    invoice.customer_id = parties.customer.id if parties.customer else None  # type: ignore[assignment]  # in previews
    invoice.currency, invoice.request = currency.code, body["request"]
    for name in _PLAIN:
        setattr(invoice, name, body[name])
    invoice.billing_period_start, invoice.billing_period_end = _period(body["billing_period"])
    _set_terms(invoice, body, parties)
    _set_totals(invoice, body, totals, currency)
    _set_parts(invoice, body, document, totals, parties)
    _set_exchange(invoice, body, parties)
    check_total(invoice, body.get("expected_total"))


def check_total(invoice: Invoice, expected: Decimal | None) -> None:
    """Hold the total against the client's own.

    Raises:
        TotalMismatch: they differ.
    """
    if expected is None:
        return
    decimals = money.currency(invoice.currency).decimals
    numerator, denominator = expected.as_integer_ratio()
    if numerator * 10**decimals != invoice.total * denominator:
        detail = f"It comes to {money.to_text(invoice.total, decimals)}."
        raise TotalMismatch(detail, faults=[Fault("total-mismatch", detail, "/expected_total")])


def set_due_date(invoice: Invoice) -> None:
    """The due date that follows from the date of issue, unless it was given by itself."""
    if invoice.net_terms_days is not None and invoice.issue_date is not None:
        invoice.due_date = due_date(invoice.issue_date, invoice.net_terms_days)


def _document(body: Mapping[str, Any], currency: money.Currency, parties: Parties) -> Document:
    return Document(
        currency=currency,
        lines=tuple(_line(line, parties) for line in body["lines"]),
        allowances=tuple(_adjustment(given) for given in body["allowances"]),
        charges=tuple(_adjustment(given) for given in body["charges"]),
        prices_include_tax=body["prices_include_tax"],
        prepaid_amount=body["prepaid_amount"],
        rounding_amount=body["rounding_amount"],
        cash_rounding_increment=body["cash_rounding_increment"],
    )


def _line(given: Mapping[str, Any], parties: Parties) -> Line:
    return Line(
        quantity=given["quantity"],
        unit_price=given.get("unit_price"),
        gross_price=given.get("gross_price"),
        price_discount=given.get("price_discount"),
        base_quantity=given["base_quantity"],
        allowances=tuple(_adjustment(one) for one in given["allowances"]),
        charges=tuple(_adjustment(one) for one in given["charges"]),
        taxes=_taxes(given, parties),
        has_tax_list="taxes" in given,
    )


def _taxes(given: Mapping[str, Any], parties: Parties) -> tuple[Tax, ...]:
    """What the line says counts; where it says nothing, the customer's treatment, or that the seller charges none."""
    if "taxes" in given:
        return tuple(
            Tax(category=tax["category"], rate=tax.get("rate"), name=tax.get("name")) for tax in given["taxes"]
        )
    if "tax_category" in given or "tax_rate" in given:
        return (Tax(category=given.get("tax_category", "S"), rate=given.get("tax_rate")),)
    default = parties.default_tax()
    return (default[0],) if default else ()


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


def _set_totals(invoice: Invoice, body: Mapping[str, Any], totals: Totals, currency: money.Currency) -> None:
    for name in (
        "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "prepaid_amount",
        "rounding_amount", "payable_amount",
    ):  # fmt: skip
        setattr(invoice, name, getattr(totals, name))
    increment = body["cash_rounding_increment"]
    invoice.cash_rounding_increment = None if increment is None else money.to_minor(increment, currency)
    invoice.amount_paid = invoice.amount_credited = 0


def _set_parts(invoice: Invoice, body: Mapping[str, Any], document: Document, totals: Totals, parties: Parties) -> None:
    adjustments: list[InvoiceAdjustment] = []
    lines = []
    for position, (given, computed) in enumerate(zip(body["lines"], totals.lines, strict=True), start=1):
        line = _line_row(invoice, position, given, computed)
        lines.append(line)
        for is_charge, name, amounts in (
            (False, "allowances", computed.allowance_amounts),
            (True, "charges", computed.charge_amounts),
        ):
            adjustments += [
                _adjustment_row(index, one, amount, document.currency, is_charge=is_charge, line=line)
                for index, (one, amount) in enumerate(zip(given[name], amounts, strict=True))
            ]
    for is_charge, name, resolved in ((False, "allowances", totals.allowances), (True, "charges", totals.charges)):
        for index, (one, entry) in enumerate(zip(body[name], resolved, strict=True)):
            row = _adjustment_row(index, one, entry.amount, document.currency, is_charge=is_charge)
            row.parts = [] if row.tax_category else _parts(entry, document.currency)
            adjustments.append(row)
    invoice.lines, invoice.adjustments = lines, adjustments
    invoice.tax_breakdown = _breakdown(body["lines"], document, totals.groups, parties)


def _line_row(invoice: Invoice, position: int, given: Mapping[str, Any], computed: LineTotals) -> InvoiceLine:
    start, end = _period(given["billing_period"])
    names = ("unit_price", "gross_price", "price_discount", "amount", "allowance_total", "charge_total", "net", "gross")
    return InvoiceLine(
        id=uuid7(),
        position=position,
        billing_period_start=start,
        billing_period_end=end,
        taxes=[
            InvoiceLineTax(
                id=uuid7(), invoice_id=invoice.id, position=index, category=tax.category, rate=tax.rate, name=tax.name
            )
            for index, tax in enumerate(computed.taxes)
        ],
        **{name: given[name] for name in _LINE_PLAIN},
        **{name: getattr(computed, name) for name in names},
    )


def _adjustment_row(
    position: int,
    given: Mapping[str, Any],
    amount: int,
    currency: money.Currency,
    *,
    is_charge: bool,
    line: InvoiceLine | None = None,
) -> InvoiceAdjustment:
    base, category = given.get("base_amount"), given.get("tax_category")
    tax = key(Tax(category=category, rate=given.get("tax_rate"))) if category else None
    place = {"line": line, "line_id": line.id} if line else {}
    return InvoiceAdjustment(
        id=uuid7(),
        **place,
        is_charge=is_charge,
        position=position,
        amount=amount,
        percent=given.get("percent"),
        base_amount=None if base is None else money.to_minor(base, currency),
        reason=given.get("reason"),
        reason_code=given.get("reason_code"),
        tax_category=category,
        tax_rate=tax.rate if tax else None,
        parts=[],
    )


def _parts(entry: AdjustmentTotals, currency: money.Currency) -> list[dict[str, Any]]:
    """How an allowance or charge without a category was split, as it is shown."""
    return [
        {
            "category": tax.category,
            "rate": None if tax.rate is None else f"{tax.rate:f}",
            "name": tax.name,
            "amount": money.to_text(part.amount, currency.decimals),
        }
        for part in entry.parts
        for tax in part.taxes
    ]


def _breakdown(
    lines: Sequence[Mapping[str, Any]], document: Document, groups: Sequence[Group], parties: Parties
) -> list[InvoiceTaxGroup]:
    reasons: dict[TaxKey, list[Exemption]] = {}
    default = parties.default_tax()
    for given, line in zip(lines, document.lines, strict=True):
        reason = Exemption(reason=given["exemption_reason"], code=given["exemption_reason_code"])
        if default and not {"taxes", "tax_category", "tax_rate"} & given.keys() and not (reason.reason or reason.code):
            reason = default[1]
        for tax in line.taxes:
            reasons.setdefault(key(tax), []).append(reason)
    rows = []
    for position, group in enumerate(groups):
        same = TaxKey(category=group.category, name=group.name, rate=group.rate)
        shown = exemption(group.category, reasons.get(same, []))
        rows.append(
            InvoiceTaxGroup(
                id=uuid7(),
                position=position,
                category=group.category,
                rate=group.rate,
                name=group.name,
                taxable_amount=group.taxable_amount,
                tax_amount=group.tax_amount,
                exemption_reason=shown.reason if shown else None,
                exemption_reason_code=shown.code if shown else None,
            )
        )
    return rows


def _set_exchange(invoice: Invoice, body: Mapping[str, Any], parties: Parties) -> None:
    """The tax in the seller's tax currency (rule 13), where that is another one and a rate is given."""
    target, rate = parties.organization.tax_currency, body["exchange_rate"]
    invoice.tax_currency = target if target and target != invoice.currency else None
    invoice.exchange_rate = rate["rate"] if rate else None
    invoice.exchange_rate_date = rate["date"] if rate else None
    invoice.exchange_rate_source = rate.get("source") if rate else None
    invoice.tax_total_in_tax_currency = None
    if rate and invoice.tax_currency:
        source, other = money.currency(invoice.currency), money.currency(invoice.tax_currency)
        taxes = [group.tax_amount for group in invoice.tax_breakdown]
        converted = convert_taxes(taxes, rate["rate"], source, other)
        invoice.tax_total_in_tax_currency = converted.tax_total
        for group, tax in zip(invoice.tax_breakdown, converted.group_taxes, strict=True):
            group.tax_amount_in_tax_currency = tax


def _period(given: Mapping[str, dt.date] | None) -> tuple[dt.date | None, dt.date | None]:
    return (given["start_date"], given["end_date"]) if given else (None, None)
