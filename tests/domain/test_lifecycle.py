"""The life of an invoice as data: every way from a status to another, and what each action asks for."""

import itertools

import pytest

from billing_api.domain import lifecycle
from billing_api.domain.lifecycle import ACTIONS, STATUSES, TRANSITIONS, Facts

SETTLING = {"pay", "apply-balance", "credit"}
"""They change the status only through what is due."""
TARGETS = {"void": "void", "mark-uncollectible": "uncollectible", "mark-collectible": "open", "finalize": "open"}


def test_every_action_leads_along_a_transition() -> None:
    for action in ACTIONS:
        for status in action.sources:
            if action.name in TARGETS:
                assert (status, TARGETS[action.name]) in TRANSITIONS, (action.name, status)


def test_nothing_leads_out_of_void_and_back_into_draft() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] == "void" or pair[1] == "draft" or pair[0] == pair[1]]
    assert {status for pair in TRANSITIONS for status in pair} == set(STATUSES)


@pytest.mark.parametrize("due", [0, 1])
@pytest.mark.parametrize("is_written_off", [False, True])
@pytest.mark.parametrize("status", ["open", "paid", "uncollectible"])
def test_the_status_follows_what_is_due_along_a_transition(status: str, due: int, is_written_off: bool) -> None:
    after = lifecycle.status_when_settled(due, is_written_off=is_written_off)
    assert after == ("paid" if due == 0 else "uncollectible" if is_written_off else "open")
    possible = status != "uncollectible" or is_written_off
    is_open_written_off = (status, is_written_off) == ("open", True)
    if possible and not is_open_written_off and status != after:
        assert (status, after) in TRANSITIONS


@pytest.mark.parametrize(
    ("name", "facts", "code"),
    [
        ("pay", Facts(status="open", amount_due=1), None),
        ("pay", Facts(status="open", amount_due=0), "invoice-not-payable"),
        ("apply-balance", Facts(status="uncollectible", amount_due=0), "invoice-not-payable"),
        ("apply-balance", Facts(status="open", amount_due=1), None),
        ("apply-balance", Facts(status="open", amount_due=1, is_credit_available=False), "nothing-available"),
        ("pay", Facts(status="open", amount_due=1, is_credit_available=False), None),
        *[
            (name, Facts(status="open", amount_due=1, is_left=True, is_today_closed=True), "period-locked")
            for name in ("pay", "apply-balance", "credit", "void", "mark-uncollectible", "revise")
        ],
        ("mark-collectible", Facts(status="uncollectible", is_today_closed=True), "period-locked"),
        ("refund", Facts(status="paid", is_owed_back=True), None),
        ("refund", Facts(status="paid"), "payment-is-applied"),
        ("refund", Facts(status="paid", is_owed_back=True, is_refund_available=False), "payment-is-applied"),
        ("refund", Facts(status="paid", is_owed_back=True, is_today_closed=True), "period-locked"),
        ("duplicate", Facts(status="open", is_buyer_archived=True), "customer-archived"),
        ("mark-sent", Facts(status="open", is_today_closed=True), None),
        ("duplicate", Facts(status="open", is_today_closed=True), None),
        ("void", Facts(status="open", amount_due=1), None),
        ("void", Facts(status="open", amount_allocated=1), "invoice-has-allocations"),
        ("void", Facts(status="open", has_credit_notes=True), "invoice-has-credit-notes"),
        ("void", Facts(status="open", is_sent=True), "void-not-permitted"),
        ("void", Facts(status="open", is_sent=True, is_voided_freely=True), None),
        ("credit", Facts(status="paid", is_left=True), None),
        ("credit", Facts(status="paid"), "invoice-not-creditable"),
        ("credit", Facts(status="paid", is_below_zero=True), "invoice-not-creditable"),
        ("revise", Facts(status="paid", is_left=True), None),
        ("revise", Facts(status="paid"), "invoice-not-creditable"),
        ("revise", Facts(status="paid", is_below_zero=True), "invoice-not-creditable"),
    ],
)
def test_an_action_says_what_stands_in_its_way(name: str, facts: Facts, code: str | None) -> None:
    found = lifecycle.hindrance(name, facts)
    assert (found and found.code) == code
    assert (name in lifecycle.allowed(facts)) == (code is None)


def test_what_is_allowed_follows_from_the_table() -> None:
    flags = (False, True)
    for status, due, paid, credited, sent, freely in itertools.product(STATUSES, (0, 1), (0, 1), flags, flags, flags):
        facts = Facts(
            status=status,
            amount_due=due,
            amount_allocated=paid,
            is_left=True,
            has_credit_notes=credited,
            is_sent=sent,
            is_voided_freely=freely,
        )
        expected = {
            "draft": {"update", "delete", "finalize", "duplicate"},
            "void": {"duplicate"},
        }.get(status, {"mark-sent", "credit", "revise", "duplicate"})
        if status in {"open", "uncollectible"}:
            expected |= {"pay", "apply-balance"} if due else set()
            expected |= {"void"} if not paid and not credited and (freely or not sent) else set()
            expected |= {"mark-uncollectible"} if status == "open" else {"mark-collectible"}
        assert set(lifecycle.allowed(facts)) == expected, facts


@pytest.mark.parametrize(
    ("status", "paid", "credited", "by"),
    [
        ("open", 1, 0, None), ("paid", 1, 0, "payment"), ("paid", 0, 1, "credit"), ("paid", 1, 1, "mixed"),
        ("paid", 0, 0, "nothing"), ("paid", -5, 0, "nothing"), ("uncollectible", 1, 1, None), ("void", 0, 0, None),
    ],
)  # fmt: skip
def test_a_paid_invoice_says_what_settled_it(status: str, paid: int, credited: int, by: str | None) -> None:
    assert lifecycle.settled_by(status, paid, credited) == by
