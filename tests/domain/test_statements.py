"""What the entries of the books mean to a customer."""

from hypothesis import given
from hypothesis import strategies as st

from billing_api.domain.bookkeeping import ENTRY_TYPES
from billing_api.domain.statements import MOVEMENTS, reconciled

MOVING = sorted(type for type, kind in MOVEMENTS.items() if kind)
AMOUNTS = st.integers(-(10**15), 10**15)


def test_every_type_of_entry_has_its_place_in_a_statement() -> None:
    assert MOVEMENTS.keys() == set(ENTRY_TYPES)


def test_what_lowers_the_balance_is_stated_with_the_sign_of_the_deed() -> None:
    found = reconciled(
        100,
        [
            ("invoice_issued", 500),
            ("invoice_voided", -200),
            ("invoice_carried_over", 30),
            ("credit_note_issued", -50),
            ("payment_received", -90),
            ("payment_reversed", 20),
            ("refund_paid", 10),
            ("invoice_written_off", -40),
            ("write_off_reversed", 15),
        ],
    )
    assert (found.invoiced, found.credited, found.received, found.refunded, found.written_off) == (330, 50, 70, 10, 25)
    assert found.closing == 295


@given(AMOUNTS, st.lists(st.tuples(st.sampled_from(MOVING), AMOUNTS)))
def test_the_closing_balance_is_the_opening_one_and_all_movements(
    opening: int, movements: list[tuple[str, int]]
) -> None:
    assert reconciled(opening, movements).closing == opening + sum(amount for _, amount in movements)


@given(st.sampled_from(sorted(MOVEMENTS.keys() - MOVING)), AMOUNTS.filter(bool))
def test_what_should_have_moved_nothing_is_not_hidden_in_a_sum(type: str, amount: int) -> None:
    assert reconciled(0, [(type, amount)]).closing == 0
