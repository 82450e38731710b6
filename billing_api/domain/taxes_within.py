"""How the tax was taken out of prices that include it (rule 9), step by step.

All that stands under the same taxes is taxed at once: the tax within their sum, what it leaves, and the share of each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.groups import Bundle, direction, rate_of, tax_within
from billing_api.domain.money import split
from billing_api.domain.steps import Pen, Step, by_tax, labels
from billing_api.domain.tax import TaxKey, percentage
from billing_api.domain.totals import AdjustmentTotals, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A line, or a part of an allowance or charge; amounts in minor units, of an allowance below zero as a rule."""

    place: str
    pointer: str | None
    amount: int
    net: int


@dataclass(slots=True)
class _Sums:
    """All that stands under the same taxes."""

    lines: list[_Entry]
    allowances: list[_Entry]
    charges: list[_Entry]

    @property
    def entries(self) -> list[_Entry]:
        return [*self.lines, *self.allowances, *self.charges]


def taxes_within(pen: Pen, totals: Totals) -> Iterator[Step]:
    """The steps from what lines, allowances and charges come to including tax, to the groups and the sums without."""
    bundles = _gathered(totals)
    taxes = {}
    for bundle, sums in bundles.items():
        tax = tax_within(sum(entry.amount for entry in sums.entries), bundle)
        taxes[bundle] = split(tax, [percentage(one) for one in bundle])
        yield from _bundle(pen, bundle, sums, tax, taxes[bundle])
    nets = by_tax((bundle, sum(entry.net for entry in sums.entries)) for bundle, sums in bundles.items())
    parts: dict[TaxKey, list[int]] = {}
    for bundle, shares in taxes.items():
        for one, share in zip(bundle, shares, strict=True):
            parts.setdefault(one, []).append(share)
    for at, group in enumerate(totals.groups):
        key, place = TaxKey(category=group.category, name=group.name, rate=group.rate), f"/tax_breakdown/{at}"
        pointer = f"{place}/taxable_amount"
        yield pen.step("taxable-within", pointer, group.taxable_amount, taxes=labels([key]), nets=nets[key])
        yield pen.step("tax-of-group", f"{place}/tax_amount", group.tax_amount, taxes=parts[key])
    yield from _sums(pen, totals)


def _bundle(pen: Pen, bundle: Bundle, sums: _Sums, tax: int, shares: Sequence[int]) -> Iterator[Step]:
    named, amounts, nets = labels(bundle), [one.amount for one in sums.entries], [one.net for one in sums.entries]
    gross, net, rate = sum(amounts), sum(nets), rate_of(bundle)
    given = {
        "lines": [one.amount for one in sums.lines],
        "allowances": [-one.amount for one in sums.allowances],
        "charges": [one.amount for one in sums.charges],
    }
    yield pen.step("gross-of-taxes", None, gross, taxes=named, **given)
    yield pen.step("tax-within", None, tax, gross=gross, rate=rate)
    if len(bundle) > 1:
        rates = [percentage(one) for one in bundle]
        yield pen.step("tax-within-by-rate", (None,) * len(rates), shares, taxes=named, tax=tax, rates=rates)
    yield pen.step("amount-without-tax", None, net, gross=gross, tax=tax)
    pointers = tuple(one.pointer for one in sums.entries)
    places, sign = [one.place for one in sums.entries], Decimal(direction(amounts))
    yield pen.step("shares-without-tax", pointers, nets, of=places, sign=sign, net=net, amounts=amounts, rate=rate)


def _sums(pen: Pen, totals: Totals) -> Iterator[Step]:
    yield pen.step("subtotal", "/subtotal", totals.subtotal, lines=[line.net for line in totals.lines])
    if totals.allowances:
        nets = [-part.net for one in totals.allowances for part in one.parts]
        yield pen.step("allowance-total-within", "/allowance_total", totals.allowance_total, nets=nets)
    if totals.charges:
        amounts = [part.net for one in totals.charges for part in one.parts]
        yield pen.step("charge-total", "/charge_total", totals.charge_total, amounts=amounts)


def _gathered(totals: Totals) -> dict[Bundle, _Sums]:
    found: dict[Bundle, _Sums] = {}
    for index, line in enumerate(totals.lines):
        place = f"/lines/{index}"
        entry = _Entry(place=place, pointer=f"{place}/net", amount=line.gross or 0, net=line.net)
        found.setdefault(line.taxes, _Sums([], [], [])).lines.append(entry)
    for bundle, entry in _parts("/allowances", totals.allowances, -1):
        found.setdefault(bundle, _Sums([], [], [])).allowances.append(entry)
    for bundle, entry in _parts("/charges", totals.charges, 1):
        found.setdefault(bundle, _Sums([], [], [])).charges.append(entry)
    return found


def _parts(place: str, several: Sequence[AdjustmentTotals], sign: int) -> Iterator[tuple[Bundle, _Entry]]:
    for index, one in enumerate(several):
        for part in one.parts:
            amount, net = sign * part.amount, sign * part.net
            yield part.taxes, _Entry(place=f"{place}/{index}", pointer=None, amount=amount, net=net)
