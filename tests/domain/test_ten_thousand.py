"""Invoices in euros, yen and dinars by the thousand: what they come to, in how many parts it may be paid, and what
credits give back."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_api.domain.money import split
from billing_api.domain.totals import Document, calculate
from tests.domain.strategies import documents
from tests.domain.test_credits import check_credits
from tests.domain.test_invariants import check_sums

STRESS = bool(os.environ.get("STRESS"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(
    max_examples=10_000 if STRESS else 500,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data(), documents() | documents(low=0))
def test_an_invoice_adds_up_and_comes_back_whole(data: st.DataObject, invoice: Document) -> None:
    totals = calculate(invoice)
    check_sums(invoice, totals)
    weights = data.draw(st.lists(st.integers(1, 100), min_size=1, max_size=12))
    assert sum(split(totals.payable_amount, weights)) == totals.payable_amount
    check_credits(data, invoice, 3)
