"""Why an invoice comes to what it does: its figures, as its rows hold them, explained step by step."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.adjustments import Adjustment
from billing_api.domain.calculation_rules import RULES
from billing_api.domain.exchange import convert_taxes
from billing_api.domain.explanation import explain, explain_due, explain_exchange
from billing_api.domain.lines import Line
from billing_api.domain.money import Currency, currency, to_text
from billing_api.domain.steps import Step
from billing_api.domain.tax import Tax
from billing_api.domain.totals import Document, Totals, calculate
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceAdjustment, InvoiceLine

_SUMS = (
    "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "prepaid_amount",
    "rounding_amount", "payable_amount",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calculation:
    """The steps by which an invoice came to its figures."""

    invoice: Invoice
    steps: tuple[Step, ...]

    @property
    def rules(self) -> list[dict[str, str | None]]:
        """The rules of the steps in words, in the order in which they are first applied."""
        return [
            {"rule": name, "description": RULES[name].description, "reference": RULES[name].reference}
            for name in dict.fromkeys(step.rule for step in self.steps)
        ]


def calculation(invoice: Invoice) -> Calculation:
    """The steps from the lines of an invoice, which stands whole, to the amount that is due.

    The rows say all that the figures follow from, the taxes that were taken from the customer included, and cannot
    change once the invoice is issued; what the client wrote at first would not be enough.

    Raises:
        ArithmeticError: the rows do not come to the figures that they hold. An explanation of other figures is none.
    """
    unit = currency(invoice.currency)
    document = _document(invoice, unit)
    totals = calculate(document)
    if _figures_of(totals) != _figures_in(invoice):
        raise _disagreement(invoice)
    return Calculation(invoice, (*explain(document, totals), *_exchange(invoice, unit), _due(invoice, unit)))


def _disagreement(invoice: Invoice) -> ArithmeticError:
    return ArithmeticError(f"the rows of invoice {invoice.id} do not come to its figures")


def _document(invoice: Invoice, unit: Currency) -> Document:
    increment = invoice.cash_rounding_increment
    return Document(
        currency=unit,
        lines=tuple(_line(line, unit) for line in invoice.lines),
        allowances=tuple(_adjustment(one, unit) for one in invoice.allowances),
        charges=tuple(_adjustment(one, unit) for one in invoice.charges),
        prices_include_tax=invoice.prices_include_tax,
        prepaid_amount=_major(invoice.prepaid_amount, unit),
        rounding_amount=_major(invoice.rounding_amount, unit) if increment is None else None,
        cash_rounding_increment=None if increment is None else _major(increment, unit),
    )


def _line(row: InvoiceLine, unit: Currency) -> Line:
    return Line(
        quantity=row.quantity,
        unit_price=row.unit_price,
        gross_price=row.gross_price,
        price_discount=row.price_discount,
        base_quantity=row.base_quantity,
        allowances=tuple(_adjustment(one, unit) for one in row.allowances),
        charges=tuple(_adjustment(one, unit) for one in row.charges),
        taxes=tuple(tax.tax for tax in row.taxes),
    )


def _adjustment(row: InvoiceAdjustment, unit: Currency) -> Adjustment:
    """As it came out: its amount counts, and the explanation says whether the percentage beside it gives it."""
    return Adjustment(
        amount=_major(row.amount, unit),
        percent=row.percent,
        base_amount=None if row.base_amount is None else _major(row.base_amount, unit),
        tax=Tax(category=row.tax_category, rate=row.tax_rate) if row.tax_category else None,
    )


def _major(minor: int, unit: Currency) -> Decimal:
    return Decimal(to_text(minor, unit.decimals))


def _exchange(invoice: Invoice, unit: Currency) -> Iterator[Step]:
    if invoice.tax_currency is None or invoice.exchange_rate is None or invoice.tax_total_in_tax_currency is None:
        return
    taxes = [group.tax_amount for group in invoice.tax_breakdown]
    converted = convert_taxes(taxes, invoice.exchange_rate, unit, currency(invoice.tax_currency))
    held = [group.tax_amount_in_tax_currency for group in invoice.tax_breakdown]
    if (converted.tax_total, [*converted.group_taxes]) != (invoice.tax_total_in_tax_currency, held):
        raise _disagreement(invoice)
    yield from explain_exchange(taxes, invoice.tax_total, invoice.exchange_rate, unit, converted)


def _due(invoice: Invoice, unit: Currency) -> Step:
    status, settled = invoice.status or "draft", (invoice.amount_paid, invoice.amount_credited)
    return explain_due(unit, status, invoice.amount_due, invoice.payable_amount, *settled)


def _figures_of(totals: Totals) -> list[object]:
    return [
        [(line.amount, line.allowance_total, line.charge_total, line.net, line.gross) for line in totals.lines],
        [(group.category, group.rate, group.taxable_amount, group.tax_amount) for group in totals.groups],
        [getattr(totals, name) for name in _SUMS],
    ]


def _figures_in(invoice: Invoice) -> list[object]:
    return [
        [(line.amount, line.allowance_total, line.charge_total, line.net, line.gross) for line in invoice.lines],
        [(group.category, group.rate, group.taxable_amount, group.tax_amount) for group in invoice.tax_breakdown],
        [getattr(invoice, name) for name in _SUMS],
    ]
