"""Customers, through the API: written, changed, archived, deleted, and what is refused."""

from typing import Any

import pytest
from flask import Flask

from tests.factories import BUYER_ADDRESS, Tenant, sign_up
from tests.web.refusals import codes, refused

CUSTOMERS = "/v1/customers"
WHOLE = {
    "type": "individual",
    "name": "Zoë",
    "legal_name": "Zoë O'Brien",
    "email": "Zoe@Example.com",
    "billing_emails": ["a@example.com", "b@example.com"],
    "external_id": "crm/4711",
    "tax_ids": [{"type": "eu_vat", "value": "FR40303265045"}, {"type": "gb_vat", "value": "GB980780684"}],
    "registration_number": "HRB 1",
    "billing_address": {**BUYER_ADDRESS, "line2": "c/o Ada", "region": "NI"},
    "shipping_address": {"country": "AT"},
    "phone": "+49 30 1",
    "contact": {"name": "Ada", "email": "ada@example.com", "phone": "1"},
    "electronic_address": {"scheme_id": "0204", "value": "991-1"},
    "currency": "CHF",
    "locale": "de-CH",
    "net_terms_days": 0,
    "tax_treatment": "exempt",
    "exemption": {
        "reason": "Hospital",
        "reason_code": "VATEX-EU-132",
        "certificate_number": "7",
        "valid_until": "2030-12-31",
    },
    "metadata": {"a": "1"} | {f"k{n}": "v" * 500 for n in range(5)},
    "archived": False,
}
DEFAULTS: dict[str, Any] = {
    "type": "business",
    "legal_name": None,
    "email": None,
    "billing_emails": [],
    "external_id": None,
    "tax_ids": [],
    "registration_number": None,
    "billing_address": None,
    "shipping_address": None,
    "phone": None,
    "contact": None,
    "electronic_address": None,
    "currency": None,
    "locale": None,
    "net_terms_days": None,
    "tax_treatment": "standard",
    "exemption": None,
    "metadata": {},
    "archived": False,
}


def members(customer: dict[str, Any]) -> dict[str, Any]:
    """What a client may write of it."""
    return {name: value for name, value in customer.items() if name in WHOLE}


def path(customer: dict[str, Any]) -> str:
    return f"{CUSTOMERS}/{customer['id']}"


@pytest.fixture(scope="module")
def only(app: Flask) -> tuple[Tenant, dict[str, Any]]:
    """A tenant with one customer, for what is refused."""
    tenant = sign_up(app)
    return tenant, tenant.customer()


def test_a_customer_comes_back_as_it_was_written(tenant: Tenant) -> None:
    made = tenant.post(CUSTOMERS, WHOLE)
    assert made.status_code == 201
    assert made.headers["Location"] == made.json["links"]["self"] == path(made.json)
    assert made.headers["ETag"] == '"1"'
    assert made.json["version"] == 1
    assert members(made.json) == WHOLE
    read = tenant.get(made.headers["Location"])
    assert read.json == made.json
    assert read.headers["ETag"] == '"1"'


def test_a_name_is_enough_and_the_rest_has_its_default(tenant: Tenant) -> None:
    made = tenant.post(CUSTOMERS, {"name": "Ada"})
    assert members(made.json) == {"name": "Ada", **DEFAULTS}


def test_put_replaces_the_whole_and_keeps_id_and_birth(tenant: Tenant) -> None:
    made = tenant.post(CUSTOMERS, WHOLE).json
    answer = tenant.put(path(made), {"name": "Ada"})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    assert "Location" not in answer.headers
    assert members(answer.json) == {"name": "Ada", **DEFAULTS}
    assert (answer.json["id"], answer.json["created_at"]) == (made["id"], made["created_at"])
    assert answer.json["updated_at"] > made["updated_at"]
    assert tenant.get(path(made)).json == answer.json


def test_null_for_a_member_that_is_none_is_refused_as_any_value(tenant: Tenant) -> None:
    made = tenant.customer(metadata={"a": "1"}, billing_address={"country": "DE"})
    patch = {"foo": None, "billing_address": {"bar": None}, "contact": {"qux": None}, "phone": None}
    answer = tenant.patch(path(made), {**patch, "metadata": {"b": None}})
    refused(answer, 422)
    unknown = {"/foo", "/billing_address/bar", "/contact/qux"}
    assert codes(answer) == {(pointer, "unknown-member") for pointer in unknown}
    known = tenant.patch(path(made), {"phone": None, "metadata": {"b": None}, "contact": {"email": None}})
    assert known.status_code == 200, known.text
    assert known.json["metadata"] == {"a": "1"}


def test_patch_merges_at_every_depth_and_null_removes(tenant: Tenant) -> None:
    made = tenant.post(CUSTOMERS, WHOLE).json
    patch = {
        "phone": None,
        "tax_treatment": None,
        "billing_address": {"line2": None, "city": "Kassel"},
        "metadata": {"a": None, "k0": "new", "b": "2"},
        "tax_ids": [{"type": "eu_vat", "value": "ATU13585627"}],
        "exemption": {"valid_until": "2031-01-01"},
    }
    answer = tenant.patch(path(made), patch)
    assert answer.status_code == 200
    address = {name: value for name, value in WHOLE["billing_address"].items() if name != "line2"}
    metadata = {name: value for name, value in WHOLE["metadata"].items() if name != "a"}
    assert members(answer.json) == {
        **WHOLE,
        "phone": None,
        "tax_treatment": "standard",
        "billing_address": {**address, "city": "Kassel"},
        "metadata": {**metadata, "k0": "new", "b": "2"},
        "tax_ids": [{"type": "eu_vat", "value": "ATU13585627"}],
        "exemption": {**WHOLE["exemption"], "valid_until": "2031-01-01"},
    }
    assert tenant.get(path(made)).json == answer.json


@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json"])
def test_a_patch_comes_in_two_media_types(tenant: Tenant, content_type: str) -> None:
    made = tenant.customer()
    answer = tenant.client.patch(path(made), data=b'{"phone":"1"}', content_type=content_type, headers=tenant.headers)
    assert answer.status_code == 200
    assert answer.json["phone"] == "1"
    assert set(answer.headers["Accept-Patch"].split(", ")) == {"application/json", "application/merge-patch+json"}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_changes_nothing_leaves_the_version(tenant: Tenant, method: str) -> None:
    made = tenant.post(CUSTOMERS, WHOLE).json
    answer = tenant.call(method, path(made), {} if method == "PATCH" else WHOLE)
    assert answer.status_code == 200
    assert answer.json == made


def test_a_name_cannot_be_removed(tenant: Tenant) -> None:
    made = tenant.customer()
    answer = tenant.patch(path(made), {"name": None})
    refused(answer, 422)
    assert codes(answer) == {("/name", "required")}
    assert tenant.get(path(made)).json == made


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "01a1fede-cd57-7b60-8000-000000000000"}, ("/id", "unknown-member")),
        ({"version": 7}, ("/version", "unknown-member")),
        ({"billing_address": {"country": "DE", "planet": "x"}}, ("/billing_address/planet", "unknown-member")),
        ({"tax_ids": [{"type": "eu_vat", "value": "DE136695976", "x": 1}]}, ("/tax_ids/0/x", "unknown-member")),
        ({"email": "nobody"}, ("/email", "not-an-email")),
        ({"currency": "EURO"}, ("/currency", "not-a-choice")),
        ({"tax_treatment": "none"}, ("/tax_treatment", "not-a-choice")),
        ({"net_terms_days": -1}, ("/net_terms_days", "out-of-range")),
        ({"archived": "yes"}, ("/archived", "not-a-boolean")),
        ({"metadata": {"a": 1}}, ("/metadata/a", "not-a-string")),
        ({"metadata": {"k" * 41: "1"}}, (f"/metadata/{'k' * 41}", "wrong-length")),
        ({"metadata": {f"k{n}": "1" for n in range(51)}}, ("/metadata", "too-many-members")),
        ({"exemption": {"valid_until": "2026-02-30"}}, ("/exemption/valid_until", "not-a-date")),
        ({"tax_ids": [{"type": "eu_vat", "value": "GB980780684"}]}, ("/tax_ids/0/value", "tax-id-invalid")),
        ({"tax_ids": [{"type": "eu_vat", "value": "136695976"}]}, ("/tax_ids/0/value", "tax-id-invalid")),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_what_does_not_fit_is_refused_with_its_place(
    only: tuple[Tenant, dict[str, Any]], method: str, change: dict[str, Any], fault: tuple[str, str]
) -> None:
    tenant, made = only
    target, body = (CUSTOMERS if method == "POST" else path(made)), {"name": made["name"], **change}
    answer = tenant.call(method, target, body)
    refused(answer, 422, fault[1])
    assert codes(answer) == {fault}
    assert tenant.get(f"{CUSTOMERS}?archived=any").json["data"] == [made]


DOUBLES = [
    ("email", "Ada@Example.com", "aDA@exAMPLE.com", "customer-email-taken"),
    ("external_id", "4711", "4711", "customer-external-id-taken"),
]


@pytest.mark.parametrize(("name", "first", "second", "code"), DOUBLES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_what_is_unique_is_taken_once_and_the_field_is_named(
    tenant: Tenant, method: str, name: str, first: str, second: str, code: str
) -> None:
    tenant.customer(**{name: first})
    rest = tenant.customer()
    target = CUSTOMERS if method == "POST" else path(rest)
    answer = tenant.call(method, target, {"name": "Bob", name: second})
    refused(answer, 409, code)
    assert codes(answer) == {(f"/{name}", code)}
    assert tenant.get(path(rest)).json == rest


@pytest.mark.parametrize(("name", "first", "second", "_code"), DOUBLES)
def test_what_is_unique_may_be_had_again_elsewhere_or_by_itself_or_once_it_is_free(
    tenant: Tenant, other: Tenant, name: str, first: str, second: str, _code: str
) -> None:
    one = tenant.customer(**{name: first})
    assert other.customer(**{name: second})[name] == second
    assert tenant.patch(path(one), {name: second}).json[name] == second
    assert tenant.patch(path(one), {name: None}).json[name] is None
    assert tenant.customer(**{name: first})[name] == first


def test_an_external_id_tells_capitals_apart(tenant: Tenant) -> None:
    assert tenant.customer(external_id="a")["id"] != tenant.customer(external_id="A")["id"]


def test_an_unused_customer_is_deleted_for_good(tenant: Tenant) -> None:
    made = tenant.customer(email="ada@example.com", external_id="1")
    answer = tenant.delete(path(made))
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers
    for method in ("GET", "DELETE"):
        refused(tenant.call(method, path(made)), 404, "not-found")
    refused(tenant.patch(path(made), {"name": "x"}), 404)
    refused(tenant.put(path(made), {"name": "x"}), 404)
    tenant.customer(email="ada@example.com", external_id="1")


@pytest.mark.parametrize("is_issued", [False, True], ids=["draft", "issued"])
def test_a_customer_with_documents_cannot_be_deleted(tenant: Tenant, is_issued: bool) -> None:
    invoice = tenant.draft(finalize=is_issued)
    refused(tenant.delete(f"{CUSTOMERS}/{invoice['customer_id']}"), 409, "customer-in-use")
    assert tenant.get(f"{CUSTOMERS}/{invoice['customer_id']}").status_code == 200


def test_a_customer_whose_drafts_are_gone_can_be_deleted(tenant: Tenant) -> None:
    draft = tenant.draft()
    assert tenant.delete(f"/v1/invoices/{draft['id']}").status_code == 204
    assert tenant.delete(f"{CUSTOMERS}/{draft['customer_id']}").status_code == 204


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "y"}), ("PUT", {"name": "y"}), ("DELETE", None)])
def test_a_stale_version_is_not_changed(tenant: Tenant, method: str, body: Any) -> None:
    made = tenant.customer()
    current = tenant.patch(path(made), {"phone": "1"})
    assert current.headers["ETag"] == '"2"'
    for stale in ('"1"', '"3"', 'W/"2"', '"x"'):
        refused(tenant.call(method, path(made), body, If_Match=stale), 412, "precondition-failed")
    assert tenant.get(path(made)).json == current.json
    assert tenant.get(path(made), If_None_Match='"2"').status_code == 304
    assert tenant.get(path(made), If_None_Match='"1"').status_code == 200
    assert tenant.call(method, path(made), body, If_Match='"2"').status_code in {200, 204}


def test_a_dry_run_does_everything_and_keeps_nothing(tenant: Tenant) -> None:
    made = tenant.customer(email="ada@example.com")
    answer = tenant.post(f"{CUSTOMERS}?dry_run=true", {"name": "x"})
    assert (answer.status_code, answer.headers["Dry-Run"], answer.json["name"]) == (201, "true", "x")
    assert "Location" not in answer.headers
    changed = tenant.patch(f"{path(made)}?dry_run=true", {"phone": "1"})
    assert (changed.status_code, changed.json["phone"], changed.json["version"]) == (200, "1", 2)
    assert tenant.delete(f"{path(made)}?dry_run=true").status_code == 204
    assert tenant.put(f"{CUSTOMERS}/by-external-id/1?dry_run=true", {"name": "x"}).status_code == 201
    refused(tenant.post(f"{CUSTOMERS}?dry_run=true", {"name": "x", "email": "ADA@example.com"}), 409)
    assert tenant.get(f"{CUSTOMERS}?archived=any").json["data"] == [made]


def test_viewers_read_and_do_not_write(tenant: Tenant) -> None:
    viewer = tenant.colleague("viewer")
    assert viewer.get(CUSTOMERS).status_code == 200
    refused(viewer.post(CUSTOMERS, {"name": "x"}), 403, "insufficient-scope")
