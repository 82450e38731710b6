"""How a document came to its figures: every step in the order in which they are computed, with its rule and inputs.

Nothing is computed here a second time: the results are those of `totals.calculate`, and a step only says which rule
gave them from which inputs, so that a person or a program can recompute each. Inputs are members of the document or
results of steps before.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from billing_api.domain.adjustments import Adjustment
from billing_api.domain.exchange import TaxInCurrency, have_one_sign
from billing_api.domain.groups import Bundle
from billing_api.domain.lines import Line
from billing_api.domain.money import Currency, percent_of, to_minor
from billing_api.domain.placing import sum_lines
from billing_api.domain.steps import Given, Pen, Step, by_tax, labels
from billing_api.domain.tax import TaxKey, percentage
from billing_api.domain.taxes_within import taxes_within
from billing_api.domain.totals import AdjustmentTotals, Document, LineTotals, Totals


def explain(document: Document, totals: Totals) -> Iterator[Step]:
    """The steps from the lines of a document to its payable amount; `totals` is what it was calculated to."""
    pen = Pen(document.currency)
    for index, (line, computed) in enumerate(zip(document.lines, totals.lines, strict=True)):
        yield from _line(pen, f"/lines/{index}", line, computed)
    stated = [(line.taxes, _stated(line)) for line in totals.lines]
    amounts = [amount for _, amount in stated]
    if document.prices_include_tax:
        yield pen.step("lines-including-tax", None, sum(amounts), lines=amounts)
    else:
        yield pen.step("subtotal", "/subtotal", totals.subtotal, lines=amounts)
    yield from _adjustments(pen, document, totals, stated)
    yield from taxes_within(pen, totals) if document.prices_include_tax else _taxes(pen, totals)
    yield from _components(pen, totals)
    yield from _sums(pen, document, totals)


def explain_exchange(
    group_taxes: Sequence[int], tax_total: int, rate: Decimal, source: Currency, converted: TaxInCurrency
) -> Iterator[Step]:
    """The steps of the tax in a second currency (rule 13); taxes in minor units of `source`."""
    pen, own = Pen(converted.currency), Pen(source)
    pointer, total = "/tax_total_in_tax_currency", converted.tax_total
    yield pen.step("tax-in-tax-currency", pointer, total, tax_total=own.text(tax_total), exchange_rate=rate)
    pointers = tuple(f"/tax_breakdown/{at}/tax_amount_in_tax_currency" for at in range(len(group_taxes)))
    taxes = own.text(group_taxes)
    if have_one_sign(group_taxes):
        yield pen.step("tax-currency-split", pointers, converted.group_taxes, total=total, taxes=taxes)
    else:
        given: dict[str, Given] = {"total": total, "taxes": taxes, "exchange_rate": rate}
        sign = Decimal(-1 if total < 0 else 1)
        yield pen.step("tax-currency-shares", pointers, converted.group_taxes, sign=sign, **given)


def explain_due(unit: Currency, status: str, due: int, payable: int, paid: int, credited: int) -> Step:
    """What is still due of an issued invoice, in minor units; nothing where the status ended the claim."""
    pen = Pen(unit)
    if due != payable - paid - credited:
        return pen.step("nothing-due", "/amount_due", due, status=status)
    given: dict[str, Given] = {"payable_amount": payable, "amount_paid": paid, "amount_credited": credited}
    return pen.step("amount-due", "/amount_due", due, **given)


def _line(pen: Pen, place: str, line: Line, computed: LineTotals) -> Iterator[Step]:
    price = pen.price(computed.unit_price)
    if computed.gross_price is not None and computed.price_discount is not None:
        gross, discount = pen.price(computed.gross_price), pen.price(computed.price_discount)
        yield pen.step("line-price", f"{place}/unit_price", price, gross_price=gross, price_discount=discount)
    yield pen.step(
        "line-amount",
        f"{place}/amount",
        computed.amount,
        quantity=line.quantity,
        unit_price=price,
        base_quantity=line.base_quantity,
    )
    for name, entries, amounts, total in (
        ("allowance", line.allowances, computed.allowance_amounts, computed.allowance_total),
        ("charge", line.charges, computed.charge_amounts, computed.charge_total),
    ):
        for index, (entry, amount) in enumerate(zip(entries, amounts, strict=True)):
            yield _amount(pen, f"{place}/{name}s/{index}/amount", entry, amount, computed.amount)
        if entries:
            yield pen.step(f"line-{name}s", f"{place}/{name}_total", total, amounts=amounts)
    kind = "net" if computed.gross is None else "gross"
    given = {"allowance_total": computed.allowance_total, "charge_total": computed.charge_total}
    yield pen.step(f"line-{kind}", f"{place}/{kind}", _stated(computed), amount=computed.amount, **given)


def _amount(pen: Pen, pointer: str, entry: Adjustment, amount: int, default_base: int) -> Step:
    """Rule 2. A percentage beside an amount that it does not give is a note."""
    base = default_base if entry.base_amount is None else to_minor(entry.base_amount, pen.unit)
    if entry.percent is not None and percent_of(base, entry.percent) == amount:
        return pen.step("percentage", pointer, amount, base=base, percent=entry.percent)
    return pen.step("amount-given", pointer, amount, amount=amount)


def _adjustments(pen: Pen, document: Document, totals: Totals, stated: Sequence[tuple[Bundle, int]]) -> Iterator[Step]:
    """Rules 2 and 8: the document's allowances and charges, and how those without a category were split."""
    sums = sum_lines(stated)
    entries = [
        (f"/{name}/{index}", entry, placed)
        for name, given, computed in (
            ("allowances", document.allowances, totals.allowances),
            ("charges", document.charges, totals.charges),
        )
        for index, (entry, placed) in enumerate(zip(given, computed, strict=True))
    ]
    if sums and any(entry.tax is None for _, entry, _ in entries):
        yield from _weights(pen, sums, stated)
    subtotal, of_tax = [amount for _, amount in stated], by_tax(stated)
    for place, entry, placed in entries:
        amounts = subtotal
        if entry.tax is not None:
            (tax,) = placed.parts[0].taxes
            amounts = of_tax.get(tax, [])
            if entry.percent is not None and entry.base_amount is None:
                yield pen.step("lines-of-tax", None, sum(amounts), taxes=labels([tax]), lines=amounts)
        yield _amount(pen, f"{place}/amount", entry, placed.amount, sum(amounts))
        if entry.tax is None and sums:
            given: dict[str, Given] = {"amount": placed.amount, "weights": list(sums.values())}
            parts = [part.amount for part in placed.parts]
            yield pen.step("split-over-taxes", _of_parts(place, placed), parts, **given)


def _weights(pen: Pen, sums: Mapping[Bundle, int], stated: Sequence[tuple[Bundle, int]]) -> Iterator[Step]:
    amounts: dict[Bundle, list[int]] = {}
    for bundle, amount in stated:
        amounts.setdefault(bundle, []).append(amount)
    for bundle, total in sums.items():
        yield pen.step("lines-by-tax", None, total, taxes=labels(bundle), lines=amounts[bundle])


def _of_parts(place: str, placed: AdjustmentTotals) -> tuple[str | None, ...]:
    """Where each part stands: an invoice shows one for each tax of a bundle, and none for lines without a tax."""
    pointers, at = [], 0
    for part in placed.parts:
        pointers.append(f"{place}/parts/{at}/amount" if part.taxes else None)
        at += len(part.taxes)
    return tuple(pointers)


def _taxes(pen: Pen, totals: Totals) -> Iterator[Step]:
    """Rule 5: each group taxed once."""
    lines = by_tax((line.taxes, line.net) for line in totals.lines)
    allowances, charges = (
        by_tax((part.taxes, part.amount) for one in several for part in one.parts)
        for several in (totals.allowances, totals.charges)
    )
    for at, group in enumerate(totals.groups):
        tax, place = TaxKey(category=group.category, name=group.name, rate=group.rate), f"/tax_breakdown/{at}"
        pointer, taxable = f"{place}/taxable_amount", group.taxable_amount
        given = {"lines": lines.get(tax, []), "allowances": allowances.get(tax, []), "charges": charges.get(tax, [])}
        yield pen.step("taxable-amount", pointer, taxable, taxes=labels([tax]), **given)
        rate = percentage(tax)
        yield pen.step("tax-amount", f"{place}/tax_amount", group.tax_amount, taxable_amount=taxable, rate=rate)


def _components(pen: Pen, totals: Totals) -> Iterator[Step]:
    for at, group in enumerate(totals.groups):
        if group.components:
            pointers = tuple(f"/tax_breakdown/{at}/components/{n}/tax_amount" for n in range(len(group.components)))
            rates = [component.rate for component in group.components]
            parts = [component.tax_amount for component in group.components]
            yield pen.step("components", pointers, parts, tax_amount=group.tax_amount, rates=rates)


def _sums(pen: Pen, document: Document, totals: Totals) -> Iterator[Step]:
    """Rules 4, 6 and 11."""
    if not document.prices_include_tax:
        for name, several, total in (
            ("allowance", totals.allowances, totals.allowance_total),
            ("charge", totals.charges, totals.charge_total),
        ):
            if several:
                amounts = [one.amount for one in several]
                yield pen.step(f"{name}-total", f"/{name}_total", total, amounts=amounts)
    given = {name: getattr(totals, name) for name in ("subtotal", "allowance_total", "charge_total")}
    yield pen.step("total-without-tax", "/total_without_tax", totals.total_without_tax, **given)
    taxes = [group.tax_amount for group in totals.groups]
    yield pen.step("tax-total", "/tax_total", totals.tax_total, taxes=taxes)
    given = {"total_without_tax": totals.total_without_tax, "tax_total": totals.tax_total}
    yield pen.step("total", "/total", totals.total, **given)
    given = {"total": totals.total, "prepaid_amount": totals.prepaid_amount}
    if document.cash_rounding_increment is not None:
        increment = to_minor(document.cash_rounding_increment, pen.unit)
        yield pen.step("cash-rounding", "/rounding_amount", totals.rounding_amount, increment=increment, **given)
    given["rounding_amount"] = totals.rounding_amount
    yield pen.step("payable-amount", "/payable_amount", totals.payable_amount, **given)


def _stated(line: LineTotals) -> int:
    return line.net if line.gross is None else line.gross
