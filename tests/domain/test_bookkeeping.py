"""Double entries: whatever happens, debits equal credits, and what is undone leaves nothing."""

import uuid
from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing_api.domain import bookkeeping
from billing_api.domain.bookkeeping import Figures, Posting, TaxAmount

INVOICE, SOURCE = uuid.UUID(int=1), uuid.UUID(int=2)
AMOUNTS = st.integers(-(10**15), 10**15)
SOME = st.integers(1, 10**15)


@st.composite
def figures(draw: st.DrawFn, *, is_credit: bool = False) -> Figures:
    """What a document may come to."""
    net = draw(AMOUNTS)
    amounts = draw(st.lists(AMOUNTS, max_size=4))
    taxes = [TaxAmount(category="S", rate=Decimal(n + 1), name=None, amount=each) for n, each in enumerate(amounts)]
    prepaid, rounding = (0 if is_credit else draw(AMOUNTS)), draw(AMOUNTS)
    return Figures(
        without_tax=net,
        taxes=taxes,
        prepaid=prepaid,
        rounding=rounding,
        payable=net + sum(amounts) - prepaid + rounding,
    )


def balances(postings: list[Posting]) -> Counter[str]:
    """What each account ends at; an account at zero is left out."""
    found = Counter[str]()
    for posting in postings:
        found[posting.account] += posting.amount
    return Counter({account: amount for account, amount in found.items() if amount})


@given(figures())
def test_an_invoice_balances_and_its_receivable_is_what_is_payable(given_: Figures) -> None:
    postings = bookkeeping.invoiced(given_, INVOICE)
    assert sum(posting.amount for posting in postings) == 0
    assert all(posting.amount for posting in postings)
    after = balances(postings)
    assert after["accounts_receivable"] == max(given_.payable, 0)
    assert after["customer_credit"] == min(given_.payable, 0)
    assert after["revenue"] == -given_.without_tax
    assert after["tax_payable"] == -sum(tax.amount for tax in given_.taxes)


@given(figures())
def test_a_void_invoice_leaves_nothing(given_: Figures) -> None:
    postings = [*(issued := bookkeeping.invoiced(given_, INVOICE)), *bookkeeping.reversed_postings(issued)]
    assert balances(postings) == Counter()


@given(figures(is_credit=True))
def test_an_invoice_and_the_credit_of_all_of_it_leave_the_buyers_credit_against_the_receivable(given_: Figures) -> None:
    postings = bookkeeping.invoiced(given_, INVOICE) + bookkeeping.credited(given_, SOURCE)
    after = balances(postings)
    assert after["accounts_receivable"] + after["customer_credit"] == 0
    assert set(after) <= {"accounts_receivable", "customer_credit"}


@given(SOME, SOME)
def test_money_that_comes_in_settles_and_goes_back_leaves_no_cash(amount: int, other: int) -> None:
    postings = [
        *bookkeeping.received(amount, "card", SOURCE),
        *bookkeeping.allocated(amount, SOURCE, INVOICE),
        *bookkeeping.allocated(-amount, SOURCE, INVOICE),
        *bookkeeping.refunded(amount, "card", SOURCE),
        *bookkeeping.written_off(other, INVOICE),
        *bookkeeping.written_off(-other, INVOICE),
    ]
    assert balances(postings) == Counter()


@given(AMOUNTS)
def test_what_was_open_before_stands_against_the_opening_balance(amount: int) -> None:
    account = "accounts_receivable" if amount > 0 else "customer_credit"
    assert balances(bookkeeping.carried_over(amount, INVOICE)) == Counter(
        {account: amount, "opening_balance": -amount} if amount else {}
    )
