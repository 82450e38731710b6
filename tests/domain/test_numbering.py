"""Patterns of document numbers, and the terms of payment."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_api.domain.numbering import LARGEST_VALUE, NumberTooLong, Reset, collides, parse, period, render, value_of
from billing_api.domain.terms import due_date
from billing_api.errors import Invalid

DAY = date(2026, 3, 9)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("INV-{YYYY}-{####}", 42, "INV-2026-0042"),
        ("INV-{YYYY}-{####}", 9999, "INV-2026-9999"),
        ("INV-{YYYY}-{####}", 10000, "INV-2026-10000"),
        ("{#}", 1, "1"),
        ("{YY}{MM}/{###}", 7, "2603/007"),
        ("No. {YYYY}_{##}", 7, "No. 2026_07"),
        ("{YYYY}{YYYY}{#}", 7, "202620267"),
    ],
)
def test_a_number_is_made_of_pattern_counter_and_date(pattern: str, value: int, expected: str) -> None:
    assert render(parse(pattern), value, DAY) == expected


@pytest.mark.parametrize(
    ("pattern", "codes"),
    [
        ("", ["pattern-counter"]),
        ("INV-{YYYY}", ["pattern-counter"]),
        ("{##}-{##}", ["pattern-counter"]),
        ("INV-{}-{#}", ["pattern-token-unknown"]),
        ("INV-{DD}-{#}", ["pattern-token-unknown"]),
        ("INV-{yyyy}-{#}", ["pattern-token-unknown"]),
        ("INV-{#}}", ["pattern-character"]),
        ("INV-{#", ["pattern-character", "pattern-counter"]),
        ("INV#{#}", ["pattern-character"]),
        ("RÉF-{#}", ["pattern-character"]),
        (" {#}", ["pattern-character"]),
        ("{#}\n", ["pattern-character"]),
        ("123456789012345-{YYYY}{#}", ["pattern-too-long"]),
        ("12345678901234567{####}", ["pattern-too-long"]),
        ("{DD}?", ["pattern-character", "pattern-token-unknown", "pattern-counter"]),
    ],
)
def test_a_pattern_that_breaks_a_rule_is_refused(pattern: str, codes: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(pattern)
    assert [fault.code for fault in refusal.value.faults] == codes
    assert {fault.pointer for fault in refusal.value.faults} == {"/pattern"}


def test_a_yearly_reset_needs_the_whole_year() -> None:
    assert parse("{YYYY}-{#}", Reset.YEARLY).text == "{YYYY}-{#}"
    for pattern in ("INV-{####}", "INV-{YY}-{####}"):
        with pytest.raises(Invalid) as refusal:
            parse(pattern, Reset.YEARLY)
        assert [fault.code for fault in refusal.value.faults] == ["pattern-needs-year"]


def test_a_number_has_at_most_twenty_characters() -> None:
    pattern = parse("1234567890123456{####}")
    assert len(render(pattern, 9999, DAY)) == 20
    with pytest.raises(NumberTooLong):
        render(pattern, 10000, DAY)


@given(
    pattern=st.sampled_from(["INV-{YYYY}-{####}", "{#}", "{YY}{MM}/{###}", "{#}-{YYYY}", "re{##}{MM}", "A.B {#####}"]),
    value=st.integers(1, 10**7),
    on=st.dates(date(1900, 1, 1), date(2999, 12, 31)),
)
def test_the_value_is_read_back_from_the_number(pattern: str, value: int, on: date) -> None:
    number = render(parse(pattern), value, on)
    assert value_of(parse(pattern), number, on) == value
    assert value_of(parse(pattern), number.swapcase(), on) == value


@pytest.mark.parametrize(
    "number",
    [
        "INV-2026-042", "INV-2026-00042", "INV-2026-0000", "INV-2025-0042", "INV-26-0042", "INV-2026-0042 ",
        "INV-2026-", "INV-2026-٠٠٤٢", "XINV-2026-0042", f"INV-2026-{LARGEST_VALUE}0", "",
    ],
)  # fmt: skip
def test_a_number_that_the_pattern_would_not_make_has_no_value(number: str) -> None:
    assert value_of(parse("INV-{YYYY}-{####}"), number, DAY) is None


def test_a_number_of_another_month_has_no_value() -> None:
    assert value_of(parse("{MM}-{#}"), "03-7", DAY) == 7
    assert value_of(parse("{MM}-{#}"), "04-7", DAY) is None


def test_a_literal_is_no_expression() -> None:
    assert value_of(parse("A.{#}"), "AB7", DAY) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("INV-{YYYY}-{####}", "inv-{YYYY}-{#}", True),
        ("INV-{YYYY}-{####}", "CN-{YYYY}-{####}", False),
        ("{YYYY}-{####}", "{YY}-{####}", False),
        ("{#}", "{####}", True),
    ],
)
def test_patterns_that_write_the_same_collide(one: str, other: str, expected: bool) -> None:
    assert collides(parse(one), parse(other)) is expected


def test_the_period_of_a_counter() -> None:
    assert period(Reset.YEARLY, DAY) == "2026"
    assert period(Reset.NEVER, DAY) == ""


@pytest.mark.parametrize(
    ("issued", "days", "due"),
    [("2026-01-31", 30, "2026-03-02"), ("2024-02-28", 1, "2024-02-29"), ("2026-12-31", 0, "2026-12-31")],
)
def test_the_due_date_counts_calendar_days(issued: str, days: int, due: str) -> None:
    assert due_date(date.fromisoformat(issued), days) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("days", "code"), [(-1, "out-of-range"), (10**7, "net-terms-too-long"), (10**12, "net-terms-too-long")]
)
def test_impossible_terms_are_refused(days: int, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        due_date(DAY, days)
    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [(code, "/net_terms_days")]
