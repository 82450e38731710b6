"""Credit notes are found by what is left of them and by what they come to."""

import pytest

from tests.credit_notes.crediting import credit
from tests.factories import Tenant, line
from tests.web.refusals import codes


@pytest.fixture
def notes(tenant: Tenant) -> list[str]:
    """The ids of three credit notes: used, over 119.00; available, over 59.50; available, over 119 yen."""
    used = credit(tenant, tenant.invoice())
    made = [used["id"]]
    for price, currency in (("25.00", "EUR"), ("50", "JPY")):
        invoice = tenant.invoice(currency=currency, lines=[line(unit_price=price)])
        tenant.payment(invoice)
        made.append(credit(tenant, invoice)["id"])
    return made


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("status=used", [0]),
        ("status=available", [1, 2]),
        ("status=available,used", [0, 1, 2]),
        ("status=available&currency=JPY", [2]),
        ("total_min=59.51&currency=EUR", [0]),
        ("total_min=59.5&total_max=59.5&currency=EUR", [1]),
        ("total_max=119&currency=EUR", [0, 1]),
        ("total_min=119&currency=JPY", [2]),
        ("total_min=120&currency=JPY", []),
    ],
)
def test_a_list_finds_what_is_left_and_what_it_comes_to(
    tenant: Tenant, notes: list[str], query: str, places: list[int]
) -> None:
    found = tenant.get(f"/v1/credit-notes?{query}&sort=created_at")
    assert [note["id"] for note in found.json["data"]] == [notes[place] for place in places]


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("total_min=1&total_max=2", {("total_min", "currency-required"), ("total_max", "currency-required")}),
        ("total_min=1.5&currency=JPY", {("total_min", "too-many-decimals")}),
        ("status=open", {("status", "wrong-format")}),
    ],
)
def test_what_cannot_be_compared_is_refused(tenant: Tenant, query: str, faults: set[tuple[str, str]]) -> None:
    answer = tenant.get(f"/v1/credit-notes?{query}")
    assert (answer.status_code, codes(answer)) == (400, faults)
