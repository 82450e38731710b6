"""What credit notes have left of an invoice: read from its rows, and written back to them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing_api.database import touch
from billing_api.domain.creditable import ChargeAlone, Creditable, LineShare, assemble
from billing_api.domain.credits import Credit, CreditCharge, CreditLine, credit, credit_rest
from billing_api.domain.groups import Group, GroupComponent
from billing_api.domain.money import currency, subtract
from billing_api.domain.resuming import Credited, resume
from billing_api.domain.tax import TaxKey, order
from billing_api.errors import Fault, Invalid
from billing_api.invoices.breakdown import InvoiceTaxGroup
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceAdjustment, InvoiceLine

_PLACES = {
    "credit-line-unknown": "/invoice_line_id",
    "credit-line-twice": "/invoice_line_id",
    "credit-charge-unknown": "/id",
    "credit-charge-twice": "/id",
}
"""Where in a line or charge of the body a fault of its choice stands."""


def alone(invoice: Invoice) -> list[InvoiceAdjustment]:
    """The allowances and charges of the document that no line shares, in the order in which the state holds them."""
    return [one for one in invoice.adjustments if one.stands_alone]


def state_of(invoice: Invoice) -> Creditable:
    """What of an issued invoice can still be credited; amounts in minor units and in its price mode. It rests on its
    rows alone, so that an arithmetic which changes later does not change what was invoiced."""
    fresh = assemble(
        [
            LineShare(bundle=_bundle(line), quantity=line.quantity, amount=line.stated + line.shared_amount)
            for line in invoice.lines
        ],
        [
            ChargeAlone(
                kind="charge" if one.is_charge else "allowance",
                position=one.position,
                bundle=(_key(one, invoice),),
                amount=one.signed_amount,
            )
            for one in alone(invoice)
        ],
        [_group(group) for group in invoice.tax_breakdown],
        currency=currency(invoice.currency),
        prices_include_tax=invoice.prices_include_tax,
        total=invoice.total,
        rounding_amount=invoice.rounding_amount,
    )
    return resume(fresh, _credited(invoice))


def choose(invoice: Invoice, body: Mapping[str, Any]) -> tuple[Credit, Creditable]:
    """The credit that a body asks for, all that remains where it names nothing, and the state that it leaves.

    Raises:
        InvoiceNotCreditable: nothing remains.
        Invalid: with every fault of the choice, pointers as in `/lines/0/quantity`.
    """
    state = state_of(invoice)
    if body["lines"] is None and body["charges"] is None:
        return credit_rest(state)
    lines = {line.id: at for at, line in enumerate(invoice.lines)}
    charges = {one.id: at for at, one in enumerate(alone(invoice))}
    try:
        return credit(
            state,
            [
                CreditLine(
                    line=lines.get(one["invoice_line_id"], -1),
                    quantity=one.get("quantity"),
                    amount=one.get("net_amount"),
                )
                for one in body["lines"] or ()
            ],
            [
                CreditCharge(charge=charges.get(one["id"], -1), amount=one.get("net_amount"))
                for one in body["charges"] or ()
            ],
        )
    except Invalid as refusal:
        raise Invalid(faults=_placed(refusal.faults)) from None


def keep(invoice: Invoice, made: Credit, after: Creditable) -> None:
    """Write down on a locked invoice what a credit has taken of it, were it of its parts alone."""
    touch(invoice)
    for line, left in zip(invoice.lines, after.lines, strict=True):
        line.credited_quantity = subtract(left.quantity, left.remaining_quantity)
        line.credited_amount = left.amount - left.remaining_amount
    for one, rest in zip(alone(invoice), after.charges, strict=True):
        one.credited_amount = rest.amount - rest.remaining_amount
    invoice.taxes_credited = {
        "pools": [list(pool.taxes_credited) for pool in after.pools],
        "components": [[one.tax_credited for one in group.components] for group in after.groups],
    }
    invoice.total_credited += made.payable_amount


def _credited(invoice: Invoice) -> Credited:
    taxes = invoice.taxes_credited or {"pools": [], "components": []}
    return Credited(
        quantities=[line.credited_quantity for line in invoice.lines],
        amounts=[line.credited_amount for line in invoice.lines],
        charges=[one.credited_amount for one in alone(invoice)],
        taxes=taxes["pools"],
        components=taxes["components"],
        payable=invoice.total_credited,
    )


def _group(row: InvoiceTaxGroup) -> Group:
    return Group(
        category=row.category,
        rate=row.rate,
        name=row.name,
        taxable_amount=row.taxable_amount,
        tax_amount=row.tax_amount,
        components=tuple(
            GroupComponent(name=one["name"], rate=Decimal(one["rate"]), tax_amount=one["tax_amount"])
            for one in row.components_
        ),
    )


def _bundle(line: InvoiceLine) -> tuple[TaxKey, ...]:
    keys = (TaxKey(category=tax.category, name=tax.name, rate=tax.rate) for tax in line.taxes)
    return tuple(sorted(keys, key=order))


def _key(one: InvoiceAdjustment, invoice: Invoice) -> TaxKey:
    """The group that an allowance or charge with a category counts in: the unnamed one, or the only one there is."""
    alike = [
        group.name
        for group in invoice.tax_breakdown
        if (group.category, group.rate) == (one.tax_category, one.tax_rate)
    ]
    return TaxKey(category=one.tax_category or "", name=None if None in alike else alike[0], rate=one.tax_rate)


def _placed(faults: Sequence[Fault]) -> list[Fault]:
    seen: dict[tuple[str, str | None], Fault] = {}
    for fault in faults:
        placed = replace(fault, pointer=(fault.pointer or "") + _PLACES.get(fault.code, ""))
        # Two unknown ones are not the same one twice.
        if fault.code.endswith("-twice") and (fault.code.replace("twice", "unknown"), placed.pointer) in seen:
            continue
        seen[placed.code, placed.pointer] = placed
    return list(seen.values())
