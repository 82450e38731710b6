"""What of an issued invoice can still be credited: a plain state, to be kept between one credit and the next.

Rule 12: what remains of a line starts at its net minus its split share of the document's allowances plus its charges
(where prices include tax: all of it including tax). An allowance or charge whose taxes have no lines to share it, such
as freight in a tax group of its own, is credited by itself.

A *pool* is what tax is computed on at once: a tax group, or, where prices include tax, a bundle of taxes that stand
on the same lines. All amounts are in minor units, and in the price mode of the invoice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from billing_api.domain.groups import Bundle, Group, tax_within
from billing_api.domain.money import Currency, split
from billing_api.domain.tax import TaxKey, percentage
from billing_api.domain.totals import AdjustmentTotals, Document, Totals

Kind = Literal["allowance", "charge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditableLine:
    """A line of the invoice, by position: what it counts for, and what of it is left. `pools` are positions too."""

    pools: tuple[int, ...]
    quantity: Decimal
    amount: int
    remaining_quantity: Decimal
    remaining_amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditableCharge:
    """An allowance (its amount negative) or a charge that no line shares; `position` is its place in its own list."""

    kind: Kind
    position: int
    pools: tuple[int, ...]
    amount: int
    remaining_amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditableComponent:
    """A component of a combined rate: its share in the tax of the invoice, and what of it is credited."""

    name: str
    rate: Decimal
    tax_amount: int
    tax_credited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditableGroup:
    """A tax group of the invoice: its taxable amount and tax, and what of both is credited."""

    category: str
    rate: Decimal | None
    name: str | None
    taxable_amount: int
    tax_amount: int
    components: tuple[CreditableComponent, ...] = ()
    taxable_credited: int = 0
    tax_credited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What the tax of one or more groups (by position) is computed on; `taxes` has an amount for each of them."""

    groups: tuple[int, ...]
    amount: int
    taxes: tuple[int, ...]
    credited: int = 0
    taxes_credited: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Creditable:
    """An issued invoice as credits see it; `total` includes tax, and leaves prepaid money and rounding out."""

    currency: Currency
    prices_include_tax: bool
    lines: tuple[CreditableLine, ...]
    charges: tuple[CreditableCharge, ...]
    groups: tuple[CreditableGroup, ...]
    pools: tuple[Pool, ...]
    total: int
    rounding_amount: int
    total_credited: int = 0
    rounding_credited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShare:
    """What a line comes to with its shares of the document's allowances and charges, and the taxes upon it."""

    bundle: Bundle
    quantity: Decimal
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeAlone:
    """An allowance (its amount negative) or a charge that no line shares, and the taxes upon it."""

    kind: Kind
    position: int
    bundle: Bundle
    amount: int


def creditable(document: Document, totals: Totals) -> Creditable:
    """The state of an invoice before its first credit; `totals` are those that `calculate` gives for `document`."""
    remaining, alone = _share_out(totals)
    return assemble(
        [
            LineShare(bundle=taken.taxes, quantity=line.quantity, amount=amount)
            for line, taken, amount in zip(document.lines, totals.lines, remaining, strict=True)
        ],
        [
            ChargeAlone(kind=kind, position=position, bundle=bundle, amount=amount)
            for kind, position, bundle, amount in alone
        ],
        totals.groups,
        currency=document.currency,
        prices_include_tax=document.prices_include_tax,
        total=totals.total,
        rounding_amount=totals.rounding_amount,
    )


def assemble(
    lines: Sequence[LineShare],
    charges: Sequence[ChargeAlone],
    groups: Sequence[Group],
    *,
    currency: Currency,
    prices_include_tax: bool,
    total: int,
    rounding_amount: int,
) -> Creditable:
    """The state of an invoice before its first credit, from what is kept of it; amounts in minor units."""
    charged = [(line.bundle, line.amount) for line in lines] + [(one.bundle, one.amount) for one in charges]
    pools, places = _pools(groups, charged, prices_include_tax)
    return Creditable(
        currency=currency,
        prices_include_tax=prices_include_tax,
        lines=tuple(_line(line, places[line.bundle]) for line in lines),
        charges=tuple(_charge(one, places[one.bundle]) for one in charges),
        groups=tuple(_group(group) for group in groups),
        pools=pools,
        total=total,
        rounding_amount=rounding_amount,
    )


def _share_out(totals: Totals) -> tuple[list[int], list[tuple[Kind, int, Bundle, int]]]:
    """What each line comes to with its shares of allowances and charges, and those parts that no line shares."""
    amounts = [line.net if line.gross is None else line.gross for line in totals.lines]
    remaining = list(amounts)
    alone: list[tuple[Kind, int, Bundle, int]] = []
    sharing: dict[Bundle, list[int]] = {}
    for index, line in enumerate(totals.lines):
        if amounts[index]:
            sharing.setdefault(line.taxes, []).append(index)
    for kind, position, bundle, amount in _parts(totals):
        members = sharing.get(bundle)
        if not members:
            alone.append((kind, position, bundle, amount))
            continue
        for index, share in zip(members, split(amount, [amounts[index] for index in members]), strict=True):
            remaining[index] += share
    return remaining, alone


def _parts(totals: Totals) -> Iterator[tuple[Kind, int, Bundle, int]]:
    """Every part of the document's allowances and charges, signed as it counts in the total."""
    several: tuple[tuple[Kind, int, tuple[AdjustmentTotals, ...]], ...] = (
        ("allowance", -1, totals.allowances),
        ("charge", 1, totals.charges),
    )
    for kind, sign, adjustments in several:
        for position, adjustment in enumerate(adjustments):
            for part in adjustment.parts:
                if part.amount:
                    yield kind, position, part.taxes, sign * part.amount


def _pools(
    groups: Sequence[Group], charged: Sequence[tuple[Bundle, int]], includes_tax: bool
) -> tuple[tuple[Pool, ...], dict[Bundle, tuple[int, ...]]]:
    """The pools, and for every bundle the positions of the pools that its amounts count in."""
    places = {TaxKey(category=group.category, name=group.name, rate=group.rate): at for at, group in enumerate(groups)}
    sums: dict[Bundle, int] = {}
    for bundle, amount in charged:
        sums[bundle] = sums.get(bundle, 0) + amount
    if not includes_tax:
        pools = tuple(
            Pool(groups=(at,), amount=group.taxable_amount, taxes=(group.tax_amount,), taxes_credited=(0,))
            for at, group in enumerate(groups)
        )
        return pools, {bundle: tuple(places[tax_key] for tax_key in bundle) for bundle in sums}
    pools = tuple(
        Pool(
            groups=tuple(places[tax_key] for tax_key in bundle),
            amount=amount,
            taxes=split(tax_within(amount, bundle), [percentage(tax_key) for tax_key in bundle]),
            taxes_credited=(0,) * len(bundle),
        )
        for bundle, amount in sums.items()
    )
    return pools, {bundle: (at,) for at, bundle in enumerate(sums)}


def _line(line: LineShare, pools: tuple[int, ...]) -> CreditableLine:
    return CreditableLine(
        pools=pools,
        quantity=line.quantity,
        amount=line.amount,
        remaining_quantity=line.quantity,
        remaining_amount=line.amount,
    )


def _charge(one: ChargeAlone, pools: tuple[int, ...]) -> CreditableCharge:
    return CreditableCharge(
        kind=one.kind, position=one.position, pools=pools, amount=one.amount, remaining_amount=one.amount
    )


def _group(group: Group) -> CreditableGroup:
    return CreditableGroup(
        category=group.category,
        rate=group.rate,
        name=group.name,
        taxable_amount=group.taxable_amount,
        tax_amount=group.tax_amount,
        components=tuple(
            CreditableComponent(name=one.name, rate=one.rate, tax_amount=one.tax_amount) for one in group.components
        ),
    )
