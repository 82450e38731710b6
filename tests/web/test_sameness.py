"""Whether a retry is the same request: by the values in its JSON, however they are written there."""

import hashlib
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_api.web.json import Number, canonical, read
from tests.factories import Tenant
from tests.web.refusals import refused
from tests.web.retried import CUSTOMERS, is_replay

PRODUCTS = "/v1/products"
# Few values, so that two that are drawn are often alike, or alike but for what they are.
INTEGERS = st.sampled_from([0, 1, 14, -14, 10**20, int("9" * 64)])
FRACTIONS = st.sampled_from(["1.5", "-1.5", "0.1", "1e70", "1e-70", "1e400", "1.25"]).map(Number)
TEXTS = st.sampled_from(["", "0", "1", "14", "1.5", "1.5E0", "NaN", "\u00c9", '"', "\U0001f600", "[]"])
LEAVES = st.one_of(st.none(), st.booleans(), INTEGERS, FRACTIONS, TEXTS)
VALUES = st.recursive(LEAVES, lambda of: st.lists(of, max_size=3) | st.dictionaries(TEXTS, of, max_size=3))


def model(value: Any) -> Any:
    """What a value is, beside which another can be held: a number is no truth value, and no text."""
    if isinstance(value, dict):
        return frozenset((name, model(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(map(model, value))
    if isinstance(value, int | Number) and not isinstance(value, bool):
        return "number", Fraction(value)
    return type(value).__name__, value


def spelt(draw: st.DrawFn, value: Any) -> str:
    """The value as JSON in one of the ways in which it may be written."""
    blank = draw(st.sampled_from(["", " ", "\r\n\t"]))
    if isinstance(value, dict):
        members = [f"{spelt(draw, name)}{blank}:{spelt(draw, value[name])}" for name in draw(st.permutations([*value]))]
        return f"{blank}{{{f'{blank},'.join(members)}}}{blank}"
    if isinstance(value, list):
        return f"[{blank}{','.join(spelt(draw, inner) for inner in value)}]{blank}"
    if isinstance(value, str):
        return blank + json.dumps(value, ensure_ascii=draw(st.booleans())) + blank
    if value is None or isinstance(value, bool):
        return blank + json.dumps(value) + blank
    number = f"{value:f}" if isinstance(value, Number) and abs(value.adjusted()) < 9 else str(value)
    return blank + draw(st.sampled_from([number, *other_spellings(number)])) + blank


def other_spellings(number: str) -> list[str]:
    """The same number with zeros behind its point, and with an exponent of its own."""
    if "E" in number:
        return [number.lower(), number.replace("E+", "E+0")]
    padded = f"{number}0" if "." in number else f"{number}.0"
    sign, digits = ("-", number[1:]) if number[0] == "-" else ("", number)
    ten_times = str(Number(digits).scaleb(1)) if len(digits) < 20 else digits
    moved = f"{sign}{Number(ten_times):f}e-1" if ten_times != digits else number
    return [padded if len(padded) <= 64 else number, moved, f"{number}e0" if len(number) < 60 else number]


@st.composite
def two_ways(draw: st.DrawFn) -> tuple[str, str]:
    value = draw(VALUES)
    return spelt(draw, value), spelt(draw, value)


@st.composite
def two_alike(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two of what could be taken for one another, in the same place."""
    number = draw(FRACTIONS)
    digits, exponent = f"{number:E}".split("E")
    pair = st.sampled_from(
        [number, Number(-number), str(number), f"{number:f}", f"{number:E}", ["NaN", digits, exponent]]
    )
    one, other = draw(pair), draw(pair)
    within = draw(st.sampled_from([lambda value: value, lambda value: [value, 1], lambda value: {"a": value}]))
    return within(one), within(other)


@given(two_ways())
@settings(max_examples=300)
def test_a_value_has_one_form_in_whichever_way_it_is_written(ways: tuple[str, str]) -> None:
    """Plant the flaw by `default=str`: what is written 14.0 is another number than 14."""
    one, other = (read(way.encode()) for way in ways)
    assert model(one) == model(other), "they are the same, or the test is wrong"
    assert canonical(one) == canonical(other)


@given(st.one_of(st.tuples(VALUES, VALUES), two_alike()))
@settings(max_examples=500)
def test_two_values_have_one_form_only_where_they_are_the_same(two: tuple[Any, Any]) -> None:
    """Plant the flaw by the digits alone as the form of a fraction, which is its text's, too; or by `"NaN"` for NaN."""
    one, other = two
    assert (canonical(one) == canonical(other)) == (model(one) == model(other))


def customer(tenant: Tenant, key: str, terms: str) -> Any:
    return tenant.post_text(CUSTOMERS, f'{{"name": "Once", "net_terms_days": {terms}}}', Idempotency_Key=key)


def product(tenant: Tenant, key: str, price: str) -> Any:
    return tenant.post_text(PRODUCTS, f'{{"name": "Once", "unit_price": {price}}}', Idempotency_Key=key)


def test_a_number_written_in_another_way_is_the_same_request(tenant: Tenant, key: str) -> None:
    answers = [customer(tenant, key, terms) for terms in ("14", "14.0", "1.4e1", "140E-1")]
    assert [(answer.status_code, is_replay(answer)) for answer in answers] == [(201, number > 0) for number in range(4)]
    refused(customer(tenant, key, "14.5"), 422, "idempotency-key-reused")
    assert len(tenant.get(CUSTOMERS).json["data"]) == 1


def test_a_number_and_its_text_are_two_requests(tenant: Tenant, key: str) -> None:
    assert product(tenant, key, "1.5").status_code == 201
    assert is_replay(product(tenant, key, "15e-1"))
    refused(product(tenant, key, '"1.5"'), 422, "idempotency-key-reused")


@pytest.mark.parametrize("price", ["1.5", "15", "1.50e1", '"1.5"'])
def test_a_reply_that_an_older_process_stored_is_given_again(tenant: Tenant, key: str, owner: Any, price: str) -> None:
    """Its fingerprint is one digest, in which fractions are the texts of their digits; and such a process finds the
    same digest before the blank in what is stored now. Plant the flaw by comparing the second digest alone."""
    first = product(tenant, key, price)
    body = json.dumps(read(f'{{"name": "Once", "unit_price": {price}}}'.encode()), sort_keys=True, default=str)
    former = hashlib.sha256(repr(("POST", PRODUCTS, [], body)).encode()).hexdigest()
    mine = [str(tenant.organization_id)]
    owner.execute("SELECT split_part(fingerprint, ' ', 1) FROM idempotency_keys WHERE organization_id = %s", mine)
    assert owner.fetchone() == (former,)
    owner.execute("UPDATE idempotency_keys SET fingerprint = %s WHERE organization_id = %s", [former, *mine])
    again = product(tenant, key, price)
    assert (is_replay(again), again.data) == (True, first.data)
    refused(product(tenant, key, "2"), 422, "idempotency-key-reused")
    assert len(tenant.get(PRODUCTS).json["data"]) == 1
