"""Credits of an issued invoice: by quantity, by amount, or all that remains, exact to the unit in any order.

Rule 12: the tax of a credit is the tax on everything credited so far, this credit included, less the tax already
credited. So no credit's tax is negative, their sum never passes the invoice's, and the last one leaves nothing.

 - By quantity: round(remaining amount * quantity / remaining quantity), and all of it when that quantity is what
   remains. By amount: lowers the remaining amount only, the quantity stays.
 - Quantities and amounts have the sign that they have on the invoice, so that a negative line is credited negatively.
   A discount line cannot be left behind: what is credited never passes the invoice in any tax group, nor in total.
 - The rounding of the payable amount returns with the last credit; rounding that lowered the payable amount returns
   as soon as the credits would pass what was payable without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from billing_api.domain.adjustments import stated
from billing_api.domain.creditable import Creditable, CreditableCharge, CreditableLine
from billing_api.domain.crediting import advance
from billing_api.domain.groups import Group
from billing_api.domain.money import Currency, rounded, subtract, to_text, trimmed
from billing_api.errors import Conflict, Fault, Invalid


class InvoiceNotCreditable(Conflict):
    """Nothing of the invoice remains to be credited: credit notes have taken all of it, or it came to nothing, or is a
    credit itself. To bill again what was credited, write a new invoice."""

    code = "invoice-not-creditable"
    title = "Nothing of the invoice remains to be credited"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """A wish to credit the line at this position: a quantity, or an amount in major units, or else all of it."""

    line: int
    quantity: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditCharge:
    """A wish to credit `Creditable.charges[charge]`: an amount in major units, or else all that remains of it."""

    charge: int
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedLine:
    """What a credit takes of a line: no quantity when it goes by amount; `net` is without tax, in minor units."""

    line: int
    quantity: Decimal | None
    amount: int
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedCharge:
    """What a credit takes of `Creditable.charges[charge]`, in minor units."""

    charge: int
    amount: int
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """The figures of a credit note, in minor units, with the signs of the invoice that it credits."""

    lines: tuple[CreditedLine, ...]
    charges: tuple[CreditedCharge, ...]
    groups: tuple[Group, ...]
    total_without_tax: int
    tax_total: int
    total: int
    rounding_amount: int
    payable_amount: int


def credit(
    state: Creditable, lines: Sequence[CreditLine], charges: Sequence[CreditCharge] = ()
) -> tuple[Credit, Creditable]:
    """A credit of parts of an invoice, and the state it leaves.

    Raises `Invalid` with every fault, pointers as in `/lines/0/quantity`, `/lines/0/net_amount` and
    `/charges/0/net_amount`. Codes: `credit-line-unknown`, `credit-line-twice`, `quantity-and-amount`,
    `quantity-not-creditable`, `quantity-exceeds-remaining`, `amount-not-creditable`, `amount-exceeds-remaining`,
    `credit-exceeds-invoice`, `credit-reverses-sign`, `too-many-decimals`, `amount-too-large`; for charges
    `credit-charge-unknown` and `credit-charge-twice`.
    """
    faults: list[Fault] = []
    taken = [_take_line(state, wish, f"/lines/{index}", faults) for index, wish in enumerate(lines)]
    taken_charges = [_take_charge(state, wish, f"/charges/{index}", faults) for index, wish in enumerate(charges)]
    faults += _twice([wish.line for wish in lines], "line")
    faults += _twice([wish.charge for wish in charges], "charge")
    if faults:
        raise Invalid(faults=faults)
    return _credit(
        state,
        [(wish.line, *part) for wish, part in zip(lines, taken, strict=True) if part is not None],
        [(wish.charge, part) for wish, part in zip(charges, taken_charges, strict=True) if part is not None],
    )


def credit_rest(state: Creditable) -> tuple[Credit, Creditable]:
    """A credit of all that remains of an invoice, and the state it leaves. Raises `InvoiceNotCreditable`."""
    lines = [
        (at, line.remaining_quantity or None, line.remaining_amount)
        for at, line in enumerate(state.lines)
        if line.remaining_quantity or line.remaining_amount
    ]
    charges = [(at, charge.remaining_amount) for at, charge in enumerate(state.charges) if charge.remaining_amount]
    if not lines and not charges and state.rounding_credited == state.rounding_amount:
        raise InvoiceNotCreditable
    return _credit(state, lines, charges)


def _take_line(
    state: Creditable, wish: CreditLine, pointer: str, faults: list[Fault]
) -> tuple[Decimal | None, int] | None:
    if not 0 <= wish.line < len(state.lines):
        faults.append(Fault("credit-line-unknown", "The invoice has no such line.", pointer))
        return None
    line = state.lines[wish.line]
    if wish.quantity is not None and wish.amount is not None:
        detail = "Credit a line by quantity or by amount, not by both."
        faults.append(Fault("quantity-and-amount", detail, f"{pointer}/net_amount"))
        return None
    if wish.quantity is not None:
        return _by_quantity(line, wish.quantity, f"{pointer}/quantity", faults)
    if wish.amount is None:
        return line.remaining_quantity or None, line.remaining_amount
    amount = _by_amount(line.remaining_amount, wish.amount, state.currency, f"{pointer}/net_amount", faults)
    return None if amount is None else (None, amount)


def _by_quantity(
    line: CreditableLine, quantity: Decimal, pointer: str, faults: list[Fault]
) -> tuple[Decimal | None, int] | None:
    remaining = line.remaining_quantity
    if quantity == 0 or (quantity > 0) != (line.quantity > 0):
        detail = "The quantity must not be 0, and must have the sign of the invoiced quantity."
        faults.append(Fault("quantity-not-creditable", detail, pointer))
        return None
    if quantity.copy_abs() > remaining.copy_abs():
        faults.append(Fault("quantity-exceeds-remaining", f"Of the quantity {trimmed(remaining):f} remains.", pointer))
        return None
    if quantity == remaining:
        return quantity, line.remaining_amount
    (part, part_of), (whole, whole_of) = quantity.as_integer_ratio(), remaining.as_integer_ratio()
    return quantity, rounded(line.remaining_amount * part * whole_of, part_of * whole)


def _take_charge(state: Creditable, wish: CreditCharge, pointer: str, faults: list[Fault]) -> int | None:
    if not 0 <= wish.charge < len(state.charges):
        detail = (
            "The invoice has no such allowance or charge to be credited by itself: those whose creditable_amount is "
            "null are credited with the lines that share them."
        )
        faults.append(Fault("credit-charge-unknown", detail, pointer))
        return None
    remaining = state.charges[wish.charge].remaining_amount
    if wish.amount is None:
        return remaining
    return _by_amount(remaining, wish.amount, state.currency, f"{pointer}/net_amount", faults)


def _by_amount(remaining: int, wish: Decimal, unit: Currency, pointer: str, faults: list[Fault]) -> int | None:
    amount = stated(wish, unit, pointer, faults)
    if amount is None:
        return None
    if abs(amount) > abs(remaining):
        detail = f"Of the amount {to_text(remaining, unit.decimals)} remains."
        faults.append(Fault("amount-exceeds-remaining", detail, pointer))
        return None
    if amount == 0 or (amount > 0) != (remaining > 0):
        detail = "The amount must not be 0, and must have the sign of the invoiced amount."
        faults.append(Fault("amount-not-creditable", detail, pointer))
        return None
    return amount


def _twice(positions: Sequence[int], name: str) -> list[Fault]:
    return [
        Fault(f"credit-{name}-twice", f"This {name} is credited twice at once.", f"/{name}s/{index}")
        for index, position in enumerate(positions)
        if position in positions[:index]
    ]


def _credit(
    state: Creditable, lines: Sequence[tuple[int, Decimal | None, int]], charges: Sequence[tuple[int, int]]
) -> tuple[Credit, Creditable]:
    items = [(state.lines[at].pools, amount) for at, _, amount in lines]
    items += [(state.charges[at].pools, amount) for at, amount in charges]
    nets, groups, after = advance(_reduced(state, lines, charges), items)
    without_tax = sum(nets)
    tax = sum(group.tax_amount for group in groups)
    rounding = after.rounding_credited - state.rounding_credited
    return Credit(
        lines=tuple(
            CreditedLine(line=at, quantity=quantity, amount=amount, net=net)
            for (at, quantity, amount), net in zip(lines, nets[: len(lines)], strict=True)
        ),
        charges=tuple(
            CreditedCharge(charge=at, amount=amount, net=net)
            for (at, amount), net in zip(charges, nets[len(lines) :], strict=True)
        ),
        groups=groups,
        total_without_tax=without_tax,
        tax_total=tax,
        total=without_tax + tax,
        rounding_amount=rounding,
        payable_amount=without_tax + tax + rounding,
    ), after


def _reduced(
    state: Creditable, lines: Sequence[tuple[int, Decimal | None, int]], charges: Sequence[tuple[int, int]]
) -> Creditable:
    """The state with the remaining quantities and amounts lowered, the tax not yet counted."""
    left: list[CreditableLine] = list(state.lines)
    for at, quantity, amount in lines:
        left[at] = replace(
            left[at],
            remaining_quantity=subtract(left[at].remaining_quantity, quantity or Decimal(0)),
            remaining_amount=left[at].remaining_amount - amount,
        )
    left_charges: list[CreditableCharge] = list(state.charges)
    for at, amount in charges:
        left_charges[at] = replace(left_charges[at], remaining_amount=left_charges[at].remaining_amount - amount)
    return replace(state, lines=tuple(left), charges=tuple(left_charges))
