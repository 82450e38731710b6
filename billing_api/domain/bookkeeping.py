"""What each deed posts: double entries that sum to zero, in minor units of one currency.

A debit is positive, a credit negative. The accounts:

    accounts_receivable  what buyers owe, per invoice
    customer_credit      what buyers have to their credit, per source: a payment, credit note or negative invoice
    revenue              what was sold, without tax
    tax_payable          the tax on it, per tax group
    cash                 money that came in and went out, per method
    prepayments          money received outside the service, as far as an invoice takes it off
    rounding             what the payable amount was rounded by
    bad_debt             what nobody expects any more, per invoice
    opening_balance      what was open when the books began, per imported invoice
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

ACCOUNTS = (
    "accounts_receivable", "customer_credit", "revenue", "tax_payable", "cash", "prepayments", "rounding", "bad_debt",
    "opening_balance",
)  # fmt: skip

ENTRY_TYPES = (
    "invoice_issued", "invoice_voided", "invoice_written_off", "write_off_reversed", "invoice_carried_over",
    "payment_received", "payment_reversed", "refund_paid", "credit_note_issued", "credit_applied", "credit_released",
)  # fmt: skip
"""For what an entry is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A line of an entry: what an account is debited with (or credited, below zero), and on whose behalf."""

    account: str
    amount: int
    invoice_id: uuid.UUID | None = None
    source_id: uuid.UUID | None = None
    method: str | None = None
    tax_category: str | None = None
    tax_rate: Decimal | None = None
    tax_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxAmount:
    """The tax of a group of the breakdown."""

    category: str
    rate: Decimal | None
    name: str | None
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a document comes to; `payable = without_tax + taxes - prepaid + rounding`."""

    without_tax: int
    taxes: Sequence[TaxAmount]
    prepaid: int
    rounding: int
    payable: int


def invoiced(figures: Figures, invoice_id: uuid.UUID) -> list[Posting]:
    """An invoice is issued. Below zero it leaves the receivable at once, and is a credit of the buyer's."""
    postings = [_receivable(invoice_id, figures.payable), *_turnover(figures, -1)]
    if figures.payable < 0:
        postings += [_receivable(invoice_id, -figures.payable), _credit(invoice_id, figures.payable)]
    return _without_nothing(postings)


def credited(figures: Figures, credit_note_id: uuid.UUID) -> list[Posting]:
    """A credit note is issued; its figures are positive, and it takes nothing prepaid."""
    return _without_nothing([*_turnover(figures, 1), _credit(credit_note_id, -figures.payable)])


def received(amount: int, method: str, source_id: uuid.UUID) -> list[Posting]:
    """Money came in; until it is applied it is the buyer's."""
    return [Posting(account="cash", amount=amount, method=method), _credit(source_id, -amount)]


def refunded(amount: int, method: str, source_id: uuid.UUID) -> list[Posting]:
    """Money went back; also what a payment that never came in is undone by."""
    return reversed_postings(received(amount, method, source_id))


def allocated(amount: int, source_id: uuid.UUID, invoice_id: uuid.UUID) -> list[Posting]:
    """Credit of the buyer's pays an invoice; below zero it is taken back from it."""
    return [_credit(source_id, amount), _receivable(invoice_id, -amount)]


def written_off(amount: int, invoice_id: uuid.UUID) -> list[Posting]:
    """Nobody expects this money any more; below zero it is expected again."""
    return [
        Posting(account="bad_debt", amount=amount, invoice_id=invoice_id),
        _receivable(invoice_id, -amount),
    ]


def carried_over(amount: int, invoice_id: uuid.UUID) -> list[Posting]:
    """An invoice from before the books began is still open with this amount; below zero it is a credit of the
    buyer's."""
    opening = Posting(account="opening_balance", amount=-amount, invoice_id=invoice_id)
    open_now = _credit(invoice_id, amount) if amount < 0 else _receivable(invoice_id, amount)
    return _without_nothing([open_now, opening])


def reversed_postings(postings: Iterable[Posting]) -> list[Posting]:
    """The postings that undo these."""
    return [replace(posting, amount=-posting.amount) for posting in postings]


def _turnover(figures: Figures, sign: int) -> list[Posting]:
    """The sale itself: credited by an invoice (-1), debited by a credit note (1)."""
    return [
        Posting(account="prepayments", amount=-sign * figures.prepaid),
        Posting(account="revenue", amount=sign * figures.without_tax),
        *(
            Posting(
                account="tax_payable",
                amount=sign * tax.amount,
                tax_category=tax.category,
                tax_rate=tax.rate,
                tax_name=tax.name,
            )
            for tax in figures.taxes
        ),
        Posting(account="rounding", amount=sign * figures.rounding),
    ]


def _receivable(invoice_id: uuid.UUID, amount: int) -> Posting:
    return Posting(account="accounts_receivable", amount=amount, invoice_id=invoice_id)


def _credit(source_id: uuid.UUID, amount: int) -> Posting:
    return Posting(account="customer_credit", amount=amount, source_id=source_id)


def _without_nothing(postings: Iterable[Posting]) -> list[Posting]:
    return [posting for posting in postings if posting.amount]
