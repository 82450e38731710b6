"""JSON for columns: every value exactly, whatever its size, and as it is read back."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_api.web.json import as_kept, read, write

LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(LEAVES, lambda within: st.lists(within) | st.dictionaries(st.text(max_size=5), within))


@given(VALUES)
def test_what_json_holds_is_read_back_as_it_is(value: Any) -> None:
    """Plant the flaw by leaving integers of more than 64 bits to orjson, or by reading with it."""
    assert as_kept(value) == value
    assert json.loads(write(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**64, "18446744073709551616"),
        (Decimal("1.50"), '"1.50"'),
        (read(b"[1.50, 14.0, 1e3, 18446744073709551616.0]"), '["1.50",14,1000,18446744073709551616]'),
        (uuid.UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (dt.date(2026, 2, 28), '"2026-02-28"'),
        ("Ä\x00\"", '"Ä\\u0000\\""'),
    ],
)  # fmt: skip
def test_fractions_are_texts_and_whole_numbers_are_whole(value: Any, text: str) -> None:
    assert write(value).replace(", ", ",") == text


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_instants_keep_their_last_digit(value: dt.datetime) -> None:
    assert dt.datetime.fromisoformat(as_kept(value)) == value
