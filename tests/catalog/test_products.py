"""Products: made, changed, archived, and deleted while no line names them."""

import uuid
from typing import Any

import pytest
from flask import Flask

from tests.events.reading import events, facts, last
from tests.factories import Tenant, created, sign_up
from tests.web.refusals import codes, refused

PRODUCTS = "/v1/products"
WHOLE: dict[str, Any] = {
    "name": "Screws", "description": "Screws, galvanized", "external_id": "E-1", "sku": "S-1", "unit": "XBX",
    "unit_price": "4.12345678", "base_quantity": "100", "currency": "USD", "prices_include_tax": True,
    "tax_rate_id": None, "tax_category": "S", "tax_rate": "19", "metadata": {"a": "1"}, "archived": False,
}  # fmt: skip


def path(product: dict[str, Any]) -> str:
    return f"{PRODUCTS}/{product['id']}"


def members(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in WHOLE}


def test_a_product_comes_back_whole(tenant: Tenant) -> None:
    answer = tenant.post(PRODUCTS, WHOLE)
    product = created(answer)
    assert members(product) == WHOLE
    assert answer.headers["Location"] == product["links"]["self"] == path(product)
    assert tenant.get(path(product)).json == product
    assert tenant.put(path(product), WHOLE).json["version"] == 1, "what changes nothing is no change"
    (fact,) = [one for one in events(tenant) if one["type"] == "product.created"]
    assert fact["links"]["object"] == path(product)


def test_a_product_needs_a_name_and_a_price_only(app: Flask) -> None:
    seller = sign_up(app, currency="CHF")
    product = created(seller.post(PRODUCTS, {"name": "Book", "unit_price": 24.9}))
    assert members(product) == {
        **dict.fromkeys(WHOLE), "name": "Book", "unit_price": "24.90", "unit": "C62", "base_quantity": "1",
        "currency": "CHF", "prices_include_tax": False, "metadata": {}, "archived": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"tax_rate": "19.0"}, ("S", "19")),
        ({"tax_category": "Z"}, ("Z", "0")),
        ({"tax_category": "O"}, ("O", None)),
        ({"tax_category": "L", "tax_rate": "0"}, ("L", "0")),
        ({}, (None, None)),
    ],
)
def test_the_tax_of_a_product_is_kept_as_it_counts(
    tenant: Tenant, given: dict[str, str], kept: tuple[Any, Any]
) -> None:
    product = tenant.product(**given)
    assert (product["tax_category"], product["tax_rate"]) == kept


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"name": None}, ("/name", "not-null")),
        ({"unit_price": None}, ("/unit_price", "not-null")),
        ({"unit_price": "1.123456789"}, ("/unit_price", "too-many-decimals")),
        ({"unit": "piece"}, ("/unit", "wrong-length")),
        ({"currency": "XXX"}, ("/currency", "not-a-choice")),
        ({"base_quantity": "0"}, ("/base_quantity", "base-quantity-not-positive")),
        ({"tax_category": "S"}, ("/tax_rate", "tax-rate-required")),
        ({"tax_category": "E", "tax_rate": "7"}, ("/tax_rate", "tax-rate-not-allowed")),
        ({"tax_rate_id": str(uuid.UUID(int=0))}, ("/tax_rate_id", "tax-rate-not-found")),
        ({"tax_rate_id": "x"}, ("/tax_rate_id", "not-an-id")),
        ({"tax_rate_id": str(uuid.UUID(int=0)), "tax_rate": "7"}, ("/tax_rate_id", "taxes-twice")),
        ({"colour": "red"}, ("/colour", "unknown-member")),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(tenant: Tenant, body: Any, fault: tuple[str, str]) -> None:
    product = tenant.product()
    good = {"name": "x", "unit_price": "1"}
    for answer in (tenant.post(PRODUCTS, {**good, **body}), tenant.put(path(product), {**good, **body})):
        refused(answer, 422)
        assert codes(answer) == {fault}
    if None not in body.values():
        assert codes(tenant.patch(path(product), body)) == {fault}
    assert tenant.get(PRODUCTS).json["data"] == [product]


def test_an_archived_rate_is_taken_by_no_further_product(tenant: Tenant) -> None:
    rate = tenant.tax_rate()
    product = tenant.product(tax_rate_id=rate["id"])
    assert product["links"]["tax_rate"] == rate["links"]["self"]
    tenant.patch(rate["links"]["self"], {"archived": True})
    answer = tenant.post(PRODUCTS, {"name": "x", "unit_price": "1", "tax_rate_id": rate["id"]})
    refused(answer, 422, "tax-rate-archived")
    assert codes(answer) == {("/tax_rate_id", "tax-rate-archived")}
    assert tenant.patch(path(product), {"name": "Renamed"}).status_code == 200, "what it had it may keep"


def test_patch_merges_and_null_removes(tenant: Tenant) -> None:
    product = created(tenant.post(PRODUCTS, WHOLE))
    rate = tenant.tax_rate()
    seen = last(tenant)
    refused(tenant.patch(path(product), {"tax_rate_id": rate["id"]}), 422, "taxes-twice")
    change = {"tax_rate_id": rate["id"], "tax_category": None, "tax_rate": None, "sku": None, "metadata": {"b": "2"}}
    changed = tenant.patch(path(product), change).json
    assert members(changed) == {**WHOLE, **change, "metadata": {"a": "1", "b": "2"}}
    ((type, names, _),) = facts(events(tenant, seen))
    assert (type, set(names)) == ("product.updated", {*change})


def test_an_external_id_belongs_to_one_product(tenant: Tenant, other: Tenant) -> None:
    tenant.product(external_id="E-1")
    second = tenant.product(external_id="E-2")
    for answer in (
        tenant.post(PRODUCTS, {"name": "x", "unit_price": "1", "external_id": "E-1"}),
        tenant.patch(path(second), {"external_id": "E-1"}),
    ):
        refused(answer, 409, "product-external-id-taken")
        assert codes(answer) == {("/external_id", "product-external-id-taken")}
    other.product(external_id="E-1")


def test_a_product_that_lines_name_stays(tenant: Tenant) -> None:
    product = tenant.product(tax_rate="19")
    draft = tenant.draft(lines=[{"product_id": product["id"], "quantity": "1"}])
    refused(tenant.delete(path(product)), 409, "product-in-use")
    assert tenant.delete(draft["links"]["self"]).status_code == 204
    assert tenant.delete(path(product)).status_code == 204
    refused(tenant.get(path(product)), 404)
    assert facts(events(tenant))[-1][0] == "product.deleted"


def test_lists_filter_by_each_key(tenant: Tenant) -> None:
    rate = tenant.tax_rate()["id"]
    tenant.product(name="a", sku="1", external_id="x")
    tenant.product(name="b", sku="1", tax_rate_id=rate)
    gone = tenant.product(name="c", sku="1")
    tenant.patch(path(gone), {"archived": True})

    def listed(query: str) -> list[str]:
        answer = tenant.get(f"{PRODUCTS}?{query}")
        assert answer.status_code == 200, answer.text
        return [one["name"] for one in answer.json["data"]]

    assert listed("") == ["b", "a"]
    assert listed("sku=1&sort=name") == ["a", "b"]
    assert listed("external_id=x") == ["a"]
    assert listed(f"tax_rate_id={rate}") == ["b"]
    assert listed("archived=true") == ["c"]
    assert listed("archived=any&sort=-name") == ["c", "b", "a"]
    assert listed(f"archived=any&updated_since={gone['updated_at']}") == ["c"]
    assert listed("sku=2") == []


def test_a_foreign_tax_rate_is_no_tax_rate(tenant: Tenant, other: Tenant) -> None:
    answer = tenant.post(PRODUCTS, {"name": "x", "unit_price": "1", "tax_rate_id": other.tax_rate()["id"]})
    refused(answer, 422, "tax-rate-not-found")
