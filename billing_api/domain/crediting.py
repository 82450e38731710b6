"""The tax of one credit, cumulative over all credits of the invoice (rule 12).

The tax of everything credited so far is computed as on the invoice itself, and what was credited before is taken off.
Where that tax is shared, by the taxes of a bundle or the components of a combined rate, each step is shared by what
remains of every part: so no part falls below zero or passes its end, which shares of the running sum could do.
"""

from collections.abc import Sequence
from dataclasses import replace

from billing_api.domain.creditable import Creditable, CreditableGroup, Pool
from billing_api.domain.groups import Bundle, Group, GroupComponent, nets_within, tax_within
from billing_api.domain.money import percent_of, split
from billing_api.domain.tax import TaxKey, percentage
from billing_api.errors import Fault, Invalid

Item = tuple[tuple[int, ...], int]
"""An amount that is credited, and the positions of the pools that it counts in."""


def advance(state: Creditable, items: Sequence[Item]) -> tuple[tuple[int, ...], tuple[Group, ...], Creditable]:
    """The amount of each item without tax, the tax groups of the credit, and the state with all of it counted.

    The items are already taken off the lines and charges of `state`. Raises `Invalid` with `credit-exceeds-invoice`
    or `credit-reverses-sign` where the sums would leave the bounds of the invoice.
    """
    nets = [amount for _, amount in items]
    pools = list(state.pools)
    taxable, taxes = [0] * len(state.groups), [0] * len(state.groups)
    touched = _by_pool(items)
    for at, positions in touched.items():
        amounts = [items[index][1] for index in positions]
        pools[at], net, parts = _advance_pool(state, state.pools[at], sum(amounts))
        if state.prices_include_tax:
            shares = nets_within(amounts, net, _bundle(state, pools[at]))
            for index, share in zip(positions, shares, strict=True):
                nets[index] = share
        for group, part in zip(pools[at].groups, parts, strict=True):
            taxable[group] += net
            taxes[group] += part
    counted = [_advance_group(*step) for step in zip(state.groups, taxable, taxes, strict=True)]
    named = {group for at in touched for group in pools[at].groups}
    total = _bounded(state.total, state.total_credited, sum(nets) + sum(taxes))
    after = replace(state, pools=tuple(pools), groups=tuple(after for after, _ in counted), total_credited=total)
    groups = tuple(group for at, (_, group) in enumerate(counted) if at in named)
    return tuple(nets), groups, replace(after, rounding_credited=_rounding(after))


def _by_pool(items: Sequence[Item]) -> dict[int, list[int]]:
    """The positions of the items that count in each pool, pools in their order."""
    positions: dict[int, list[int]] = {}
    for index, (members, _) in enumerate(items):
        for at in members:
            positions.setdefault(at, []).append(index)
    return dict(sorted(positions.items()))


def _advance_pool(state: Creditable, pool: Pool, step: int) -> tuple[Pool, int, tuple[int, ...]]:
    """The pool after the step, what the step leaves without tax, and its tax for each group of the pool."""
    credited = _bounded(pool.amount, pool.credited, step)
    bundle = _bundle(state, pool)
    due = tax_within(credited, bundle) if state.prices_include_tax else percent_of(credited, percentage(bundle[0]))
    tax = due - sum(pool.taxes_credited)
    parts = _share(tax, [whole - done for whole, done in zip(pool.taxes, pool.taxes_credited, strict=True)])
    done = tuple(before + part for before, part in zip(pool.taxes_credited, parts, strict=True))
    net = step - tax if state.prices_include_tax else step
    return replace(pool, credited=credited, taxes_credited=done), net, parts


def _advance_group(group: CreditableGroup, taxable: int, tax: int) -> tuple[CreditableGroup, Group]:
    parts = _share(tax, [one.tax_amount - one.tax_credited for one in group.components])
    shown = tuple(
        GroupComponent(name=one.name, rate=one.rate, tax_amount=part)
        for one, part in zip(group.components, parts, strict=True)
    )
    after = replace(
        group,
        taxable_credited=group.taxable_credited + taxable,
        tax_credited=group.tax_credited + tax,
        components=tuple(
            replace(one, tax_credited=one.tax_credited + part)
            for one, part in zip(group.components, parts, strict=True)
        ),
    )
    return after, Group(
        category=group.category,
        rate=group.rate,
        name=group.name,
        taxable_amount=taxable,
        tax_amount=tax,
        components=shown,
    )


def _share(step: int, remaining: Sequence[int]) -> tuple[int, ...]:
    """A step shared by what remains; the last step is what remains, whatever the signs of its parts."""
    if not remaining or step == sum(remaining):
        return tuple(remaining)
    return split(step, remaining)


def _bounded(whole: int, before: int, step: int) -> int:
    """What is credited after the step, which must go from 0 towards the whole and not beyond it."""
    after = before + step
    sign = -1 if whole < 0 else 1
    if sign * step < 0:
        detail = "The credit would have the opposite sign of the invoice: credit more of its lines together."
        raise Invalid(faults=[Fault("credit-reverses-sign", detail, "/lines")])
    if sign * after > sign * whole:
        detail = "More would be credited than was invoiced: credit the lines that lowered the invoice, too."
        raise Invalid(faults=[Fault("credit-exceeds-invoice", detail, "/lines")])
    return after


def _rounding(state: Creditable) -> int:
    """How much of the rounding of the payable amount is returned by the credits so far."""
    left = [line.remaining_amount for line in state.lines] + [charge.remaining_amount for charge in state.charges]
    if not any(left):
        return state.rounding_amount
    sign = -1 if state.total < 0 else 1
    payable = sign * (state.total + state.rounding_amount)
    if sign * state.rounding_amount >= 0 or payable < 0:
        return 0
    return sign * min(0, payable - sign * state.total_credited)


def _bundle(state: Creditable, pool: Pool) -> Bundle:
    groups = [state.groups[at] for at in pool.groups]
    return tuple(TaxKey(category=group.category, name=group.name, rate=group.rate) for group in groups)
