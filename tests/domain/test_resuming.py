"""What is kept between two credits is enough to go on as if nothing had been put down in between."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing_api.domain.creditable import Creditable, creditable
from billing_api.domain.credits import CreditLine, credit, credit_rest
from billing_api.domain.resuming import Credited, resume
from billing_api.domain.totals import calculate
from billing_api.errors import Invalid
from tests.domain.strategies import documents


def kept(state: Creditable, payable: int) -> Credited:
    """What is put down of a state."""
    return Credited(
        quantities=[line.quantity - line.remaining_quantity for line in state.lines],
        amounts=[line.amount - line.remaining_amount for line in state.lines],
        charges=[charge.amount - charge.remaining_amount for charge in state.charges],
        taxes=[pool.taxes_credited for pool in state.pools],
        components=[[one.tax_credited for one in group.components] for group in state.groups],
        payable=payable,
    )


@given(documents(low=0), st.data())
def test_a_state_that_was_put_down_is_taken_up_as_it_was(document: object, data: st.DataObject) -> None:
    totals = calculate(document)  # type: ignore[arg-type]
    fresh = state = creditable(document, totals)  # type: ignore[arg-type]
    assert resume(fresh, kept(fresh, 0)) == fresh
    payable = 0
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(state.lines) - 1))
        part = data.draw(st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1)]))
        try:
            made, state = credit(state, [CreditLine(line=at, quantity=state.lines[at].remaining_quantity * part)])
        except Invalid:
            continue
        payable += made.payable_amount
        assert resume(fresh, kept(state, payable)) == state
    made, end = credit_rest(state) if any(line.remaining_quantity for line in state.lines) else (None, state)
    if made:
        assert resume(fresh, kept(end, payable + made.payable_amount)) == end
