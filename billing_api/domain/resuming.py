"""From what is kept between two credits of an invoice back to the state that the second begins with.

Kept are the quantity and the amount that was credited of every line, the amount of every charge that is credited by
itself, and the tax of every pool and of every component; all the rest follows from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from billing_api.domain.creditable import Creditable, CreditableGroup, Pool
from billing_api.domain.money import subtract


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """What was credited so far, by the positions of the state; amounts in minor units and in the invoice's price mode.

    `taxes` has for every pool an amount for each of its groups, and `components` for every group an amount for each
    of its components; empty, nothing was credited. `payable` is what all credits come to, tax and rounding included.
    """

    quantities: Sequence[Decimal]
    amounts: Sequence[int]
    charges: Sequence[int]
    taxes: Sequence[Sequence[int]]
    components: Sequence[Sequence[int]]
    payable: int


def resume(fresh: Creditable, credited: Credited) -> Creditable:
    """The state after these credits; `fresh` is the one before the first of them."""
    lines = tuple(
        replace(
            line,
            remaining_quantity=subtract(line.quantity, quantity),
            remaining_amount=line.amount - amount,
        )
        for line, quantity, amount in zip(fresh.lines, credited.quantities, credited.amounts, strict=True)
    )
    charges = tuple(
        replace(charge, remaining_amount=charge.amount - amount)
        for charge, amount in zip(fresh.charges, credited.charges, strict=True)
    )
    state = replace(fresh, lines=lines, charges=charges)
    pools = _pools(state, credited.taxes)
    total = sum(amount for _, amount in _taken(state))
    if not state.prices_include_tax:
        total += sum(sum(pool.taxes_credited) for pool in pools)
    return replace(
        _with_groups(state, pools, credited.components),
        pools=pools,
        total_credited=total,
        rounding_credited=credited.payable - total,
    )


def _taken(state: Creditable) -> Iterator[tuple[tuple[int, ...], int]]:
    """What was credited of each line and charge, and the positions of the pools that it counts in."""
    yield from ((line.pools, line.amount - line.remaining_amount) for line in state.lines)
    yield from ((charge.pools, charge.amount - charge.remaining_amount) for charge in state.charges)


def _pools(state: Creditable, taxes: Sequence[Sequence[int]]) -> tuple[Pool, ...]:
    amounts = [0] * len(state.pools)
    for places, amount in _taken(state):
        for at in places:
            amounts[at] += amount
    known = taxes or [pool.taxes_credited for pool in state.pools]
    return tuple(
        replace(pool, credited=amount, taxes_credited=tuple(parts))
        for pool, amount, parts in zip(state.pools, amounts, known, strict=True)
    )


def _with_groups(state: Creditable, pools: Sequence[Pool], components: Sequence[Sequence[int]]) -> Creditable:
    taxable, taxes = [0] * len(state.groups), [0] * len(state.groups)
    for pool in pools:
        net = pool.credited - sum(pool.taxes_credited) if state.prices_include_tax else pool.credited
        for group, tax in zip(pool.groups, pool.taxes_credited, strict=True):
            taxable[group] += net
            taxes[group] += tax
    groups = (
        replace(group, taxable_credited=net, tax_credited=tax)
        for group, net, tax in zip(state.groups, taxable, taxes, strict=True)
    )
    if components:
        groups = (_with_components(group, parts) for group, parts in zip(groups, components, strict=True))
    return replace(state, groups=tuple(groups))


def _with_components(group: CreditableGroup, parts: Sequence[int]) -> CreditableGroup:
    several = zip(group.components, parts, strict=True)
    return replace(group, components=tuple(replace(one, tax_credited=part) for one, part in several))
