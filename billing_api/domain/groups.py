"""Tax groups: the amounts of a document gathered per tax, and the tax computed once on each.

Rule 5: taxable amount of a group = what its lines come to - its document allowances + its document charges;
tax = round(taxable * rate / 100), once per group and never per line (EN 16931 BR-CO-17).
Rule 9: where prices include tax, the gross wins: of a gross sum G the tax is round(G * rate / (100 + rate)) and the
rest is taxable, so that no total ever differs from what the buyer was told. What each entry leaves without its tax is
its exact share, floored towards minus infinity (mirrored where G is below zero); what lacks goes to the largest
fractions.
Rule 10: several taxes on one line are groups of their own over the same amount; a combined rate is one group, rounded
once, and its tax is shown split over its components.

A *bundle* is the set of taxes that stand on the same line: one tax as a rule, none while a draft is not finished.
Where prices include tax, all taxes of a bundle are taken out of the gross at once and split by their rates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.money import add, apportion, percent_of, rounded, split
from billing_api.domain.tax import Component, TaxKey, order, percentage

Bundle = tuple[TaxKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An amount that takes part in a document's sum, signed (an allowance is negative), and the taxes upon it."""

    bundle: Bundle
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupComponent:
    """The share of a component in the tax of a combined rate, in minor units."""

    name: str
    rate: Decimal
    tax_amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A row of the tax breakdown (EN 16931 BG-23), in minor units; the rate is null outside the scope of tax."""

    category: str
    rate: Decimal | None
    name: str | None
    taxable_amount: int
    tax_amount: int
    components: tuple[GroupComponent, ...] = ()


def settle(
    entries: Sequence[Entry], components: Mapping[TaxKey, tuple[Component, ...]], *, includes_tax: bool
) -> tuple[tuple[int, ...], tuple[Group, ...]]:
    """The amount of each entry without tax, and the groups of all of them in their order (rules 5, 8, 9 and 10)."""
    nets = [entry.amount for entry in entries]
    taxable: dict[TaxKey, int] = {}
    taxes: dict[TaxKey, int] = {}
    for bundle, positions in _by_bundle(entries).items():
        amounts = [entries[position].amount for position in positions]
        net = sum(amounts)
        if includes_tax:
            tax = tax_within(net, bundle)
            net -= tax
            for position, share in zip(positions, nets_within(amounts, net, bundle), strict=True):
                nets[position] = share
            for tax_key, part in zip(bundle, split(tax, [percentage(tax_key) for tax_key in bundle]), strict=True):
                taxes[tax_key] = taxes.get(tax_key, 0) + part
        for tax_key in bundle:
            taxable[tax_key] = taxable.get(tax_key, 0) + net
    if not includes_tax:
        taxes = {tax_key: percent_of(amount, percentage(tax_key)) for tax_key, amount in taxable.items()}
    groups = (
        _group(tax_key, taxable[tax_key], taxes[tax_key], components.get(tax_key, ()))
        for tax_key in sorted(taxable, key=order)
    )
    return tuple(nets), tuple(groups)


def tax_within(gross: int, bundle: Bundle) -> int:
    """The tax that an amount including all taxes of the bundle contains, rounded once (rule 9)."""
    numerator, denominator = _rate(bundle)
    return rounded(gross * numerator, 100 * denominator + numerator)


def nets_within(grosses: Sequence[int], net: int, bundle: Bundle) -> tuple[int, ...]:
    """What each gross amount of a bundle leaves without tax; the parts sum to `net` (rule 9)."""
    numerator, denominator = _rate(bundle)
    sign = direction(grosses)
    shares = [sign * gross * 100 * denominator for gross in grosses]
    return tuple(sign * part for part in apportion(sign * net, shares, 100 * denominator + numerator))


def direction(grosses: Sequence[int]) -> int:
    """1, or -1 where the gross amounts of a bundle are shared as the mirror of positive ones (rule 15)."""
    # Where the sum is zero the first amount tells the direction, so that the mirrored document has mirrored nets.
    leading = sum(grosses) or next((gross for gross in grosses if gross), 0)
    return -1 if leading < 0 else 1


def rate_of(bundle: Bundle) -> Decimal:
    """The sum of the percentages of a bundle."""
    total = Decimal(0)
    for tax_key in bundle:
        total = add(total, percentage(tax_key))
    return total


def _rate(bundle: Bundle) -> tuple[int, int]:
    return rate_of(bundle).as_integer_ratio()


def _by_bundle(entries: Sequence[Entry]) -> dict[Bundle, list[int]]:
    positions: dict[Bundle, list[int]] = {}
    for position, entry in enumerate(entries):
        positions.setdefault(entry.bundle, []).append(position)
    return positions


def _group(tax_key: TaxKey, taxable: int, tax: int, components: tuple[Component, ...]) -> Group:
    parts = split(tax, [component.rate for component in components]) if components else ()
    return Group(
        category=tax_key.category,
        rate=tax_key.rate,
        name=tax_key.name,
        taxable_amount=taxable,
        tax_amount=tax,
        components=tuple(
            GroupComponent(name=component.name, rate=component.rate, tax_amount=part)
            for component, part in zip(components, parts, strict=True)
        ),
    )
