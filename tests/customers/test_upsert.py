"""Customers by their external ids: created or replaced in one request."""

from urllib.parse import quote

import pytest

from tests.customers.test_customers import CUSTOMERS, DEFAULTS, members, path
from tests.factories import Tenant, created
from tests.web.refusals import codes, refused

BY_KEY = f"{CUSTOMERS}/by-external-id"


def test_an_upsert_creates_and_then_replaces(tenant: Tenant) -> None:
    made = tenant.put(f"{BY_KEY}/K-1", {"name": "Ada", "phone": "1", "metadata": {"a": "1"}})
    assert made.status_code == 201
    assert made.headers["Location"] == path(made.json)
    assert made.headers["ETag"] == '"1"'
    assert made.json["external_id"] == "K-1"
    again = tenant.put(f"{BY_KEY}/K-1", {"name": "Ada Lovelace"})
    assert again.status_code == 200
    assert "Location" not in again.headers
    assert again.headers["ETag"] == '"2"'
    assert again.json["id"] == made.json["id"]
    assert members(again.json) == {**DEFAULTS, "name": "Ada Lovelace", "external_id": "K-1"}
    same = tenant.put(f"{BY_KEY}/K-1", {"name": "Ada Lovelace"})
    assert (same.status_code, same.json) == (200, again.json)
    assert tenant.get(path(made.json)).json == again.json


def test_an_upsert_finds_customers_that_were_made_in_the_other_way(tenant: Tenant, other: Tenant) -> None:
    made = tenant.customer(external_id="ä ö-ü")
    other.customer(external_id=made["external_id"])
    answer = tenant.put(f"{BY_KEY}/{made['external_id']}", {"name": "x"})
    assert (answer.status_code, answer.json["id"]) == (200, made["id"])


@pytest.mark.parametrize(
    "key", ["erp/1001", "/1", "1/", "a//b", "../1", "1?x=y#z", "100%", "%2F", "+1 2", "😀", "." * 255]
)
def test_an_upsert_takes_every_key_that_a_customer_can_have(tenant: Tenant, key: str) -> None:
    made = tenant.customer(external_id=key)
    answer = tenant.put(f"{BY_KEY}/{quote(key, safe='')}", {"name": "x"})
    assert (answer.status_code, answer.json["id"], answer.json["external_id"]) == (200, made["id"], key)


def test_an_upsert_meets_the_same_rules(tenant: Tenant) -> None:
    tenant.customer(email="ada@example.com")
    made = tenant.put(f"{BY_KEY}/1", {"name": "x"}).json
    for key in ("1", "2"):
        answer = tenant.put(f"{BY_KEY}/{key}", {"name": "x", "email": "ADA@example.com"})
        refused(answer, 409, "customer-email-taken")
        assert codes(answer) == {("/email", "customer-email-taken")}
    answer = tenant.put(f"{BY_KEY}/1", {"name": "x", "external_id": "1"})
    assert codes(answer) == {("/external_id", "unknown-member")}
    refused(tenant.put(f"{BY_KEY}/1", {}), 422)
    refused(tenant.put(f"{BY_KEY}/{'x' * 256}", {"name": "x"}), 404)
    refused(tenant.put(f"{BY_KEY}/%20", {"name": "x"}), 404)
    assert tenant.get(path(made)).json == made
    assert len(tenant.get(CUSTOMERS).json["data"]) == 2


def test_an_upsert_honours_if_match(tenant: Tenant) -> None:
    refused(tenant.put(f"{BY_KEY}/1", {"name": "x"}, If_Match='"1"'), 412)
    made = tenant.put(f"{BY_KEY}/1", {"name": "x"}).json
    assert tenant.put(f"{BY_KEY}/1", {"name": "y"}, If_Match='"1"').status_code == 200
    refused(tenant.put(f"{BY_KEY}/1", {"name": "z"}, If_Match='"1"'), 412, "precondition-failed")
    assert tenant.get(path(made)).json["name"] == "y"


def test_an_upsert_can_ask_that_there_be_one_already(tenant: Tenant) -> None:
    refused(tenant.put(f"{BY_KEY}/1", {"name": "x"}, If_Match="*"), 412, "precondition-failed")
    assert tenant.get(CUSTOMERS).json["data"] == []
    tenant.customer(external_id="1")
    assert tenant.put(f"{BY_KEY}/1", {"name": "y"}, If_Match="*").headers["ETag"] == '"2"'
    assert tenant.put(f"{BY_KEY}/1", {"name": "z"}, If_Match='"1", "2"').headers["ETag"] == '"3"'


def test_an_upsert_can_ask_that_there_be_none_yet(tenant: Tenant) -> None:
    made = tenant.put(f"{BY_KEY}/1", {"name": "x"}, If_None_Match="*")
    assert made.status_code == 201
    refused(tenant.put(f"{BY_KEY}/1", {"name": "y"}, If_None_Match="*"), 412, "precondition-failed")
    refused(tenant.put(f"{BY_KEY}/2", {"name": "y"}, If_None_Match="*", If_Match="*"), 412, "precondition-failed")
    assert tenant.get(CUSTOMERS).json["data"] == [made.json]


def test_blanks_at_its_edges_are_no_part_of_an_external_id(tenant: Tenant) -> None:
    made = created(tenant.post(CUSTOMERS, {"name": "x", "external_id": " C 1 "}))
    assert made["external_id"] == "C 1"
    again = tenant.put(f"{BY_KEY}/{quote('C 1 ')}", {"name": "y"})
    assert (again.status_code, again.json["id"], again.json["external_id"]) == (200, made["id"], "C 1")
    refused(tenant.post(CUSTOMERS, {"name": "z", "external_id": "C 1 "}), 409, "customer-external-id-taken")
    assert tenant.get(f"{CUSTOMERS}?external_id={quote(' C 1')}").json["data"] == [again.json]
    longest = tenant.post(CUSTOMERS, {"name": "x", "external_id": f" {'k' * 255} "})
    assert (longest.status_code, longest.json["external_id"]) == (201, "k" * 255)
    for key, code in (("k" * 256, "wrong-length"), (" ", "blank"), ("k\t", "control-character")):
        assert codes(tenant.post(CUSTOMERS, {"name": "x", "external_id": key})) == {("/external_id", code)}
