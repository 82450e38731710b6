"""The organization: read and changed by those who may, guarded by its version, and never changing what was issued."""

from typing import Any

import pytest
from flask import Flask

from tests.factories import SELLER, Tenant, line, sign_up
from tests.web.refusals import codes, refused

ORGANIZATION = "/v1/organization"
BANK = {"account_holder": "Ada", "iban": "DE75 5121 0800 1245 1261 99", "bic": "SOLADEST600", "bank_name": "Bank"}
WHOLE: dict[str, Any] = {
    "name": "Engines",
    "legal_name": "Engines GmbH",
    "address": {"line1": "a", "line2": "b", "postal_code": "c", "city": "d", "region": "e", "country": "AT"},
    "country": "AT",
    "tax_ids": [{"type": "eu_vat", "value": "ATU13585627"}, {"type": "at_stnr", "value": "12-345/6789"}],
    "registration_number": "FN 1",
    "tax_registered": False,
    "exemption_reason": "Small business",
    "time_zone": "Europe/Vienna",
    "default_currency": "CHF",
    "tax_currency": "EUR",
    "net_terms_days": 14,
    "bank_account": BANK,
    "email": "a@example.com",
    "phone": "1",
    "contact": {"name": "Ada", "email": "ada@example.com", "phone": "2"},
    "electronic_address": {"scheme_id": "9914", "value": "ATU13585627"},
    "legal_notice": "FN 1, Vienna",
    "books_locked_until": "2025-12-31",
    "cancellation_mode": "void",
    "require_if_match": False,
    "require_second_factor": False,
}


def members(organization: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in organization.items() if name in WHOLE}


@pytest.fixture(scope="module")
def shop(app: Flask) -> Tenant:
    """One tenant for many cases."""
    return sign_up(app)


def test_a_new_organization_has_what_it_was_founded_with_and_defaults(app: Flask) -> None:
    tenant = sign_up(app, is_ready=False, country="CH", currency="CHF", time_zone="Europe/Zurich")
    answer = tenant.get(ORGANIZATION)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1"'
    assert (answer.json["id"], answer.json["version"]) == (str(tenant.organization_id), 1)
    assert answer.json["links"] == {"self": ORGANIZATION}
    assert members(answer.json) == {
        **dict.fromkeys(WHOLE),
        "name": "Analytical Engines",
        "country": "CH",
        "tax_ids": [],
        "tax_registered": True,
        "time_zone": "Europe/Zurich",
        "default_currency": "CHF",
        "net_terms_days": 30,
        "cancellation_mode": "credit_note",
        "require_if_match": False,
        "require_second_factor": False,
    }


@pytest.mark.parametrize(("country", "mode"), [("FR", "credit_note"), ("GB", "credit_note"), ("US", "void")])
def test_how_invoices_are_cancelled_follows_from_the_country(app: Flask, country: str, mode: str) -> None:
    assert sign_up(app, country=country).get(ORGANIZATION).json["cancellation_mode"] == mode


def test_every_member_can_be_written_and_comes_back(tenant: Tenant) -> None:
    before = tenant.get(ORGANIZATION).json
    answer = tenant.patch(ORGANIZATION, WHOLE)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == f'"{before["version"] + 1}"'
    assert members(answer.json) == WHOLE
    assert tenant.get(ORGANIZATION).json == answer.json
    assert (answer.json["id"], answer.json["created_at"]) == (before["id"], before["created_at"])


def test_a_patch_merges_at_every_depth_and_null_removes(tenant: Tenant) -> None:
    tenant.patch(ORGANIZATION, WHOLE)
    patch = {
        "address": {"line2": None, "city": "Linz"},
        "bank_account": {"bic": None},
        "contact": None,
        "tax_ids": [],
        "tax_registered": True,
        "net_terms_days": None,
    }
    answer = tenant.patch(ORGANIZATION, patch)
    assert answer.status_code == 200
    address = {name: value for name, value in WHOLE["address"].items() if name != "line2"}
    bank = {name: value for name, value in BANK.items() if name != "bic"}
    assert members(answer.json) == {
        **WHOLE,
        "address": {**address, "city": "Linz"},
        "bank_account": bank,
        "contact": None,
        "tax_ids": [],
        "tax_registered": True,
        "net_terms_days": 30,
    }


def test_what_changes_nothing_leaves_the_version(tenant: Tenant) -> None:
    before = tenant.get(ORGANIZATION).json
    for patch in ({}, SELLER, {"phone": None}):
        assert tenant.patch(ORGANIZATION, patch).json == before


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        ({"name": None}, ("/name", "required")),
        ({"country": "XX"}, ("/country", "not-a-choice")),
        ({"default_currency": "EURO"}, ("/default_currency", "not-a-choice")),
        ({"time_zone": "Europe/Atlantis"}, ("/time_zone", "not-a-choice")),
        ({"cancellation_mode": "none"}, ("/cancellation_mode", "not-a-choice")),
        ({"net_terms_days": 3651}, ("/net_terms_days", "out-of-range")),
        ({"id": "x"}, ("/id", "unknown-member")),
        ({"address": {"planet": "x"}}, ("/address/planet", "unknown-member")),
        ({"tax_registered": False}, ("/exemption_reason", "required")),
        ({"bank_account": {"iban": "DE75512108001245126198"}}, ("/bank_account/iban", "not-an-iban")),
        ({"bank_account": {"iban": "DE7551210800124512619"}}, ("/bank_account/iban", "not-an-iban")),
        ({"bank_account": {"iban": "75512108001245126199"}}, ("/bank_account/iban", "wrong-format")),
        ({"bank_account": {"bic": "SOLADEST60"}}, ("/bank_account/bic", "wrong-format")),
        ({"tax_ids": [{"type": "eu_vat", "value": "US136695976"}]}, ("/tax_ids/0/value", "tax-id-invalid")),
        ({"tax_ids": [{"type": "EU VAT", "value": "DE136695976"}]}, ("/tax_ids/0/type", "wrong-format")),
        ({"email": "nobody"}, ("/email", "not-an-email")),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(shop: Tenant, patch: Any, fault: tuple[str, str]) -> None:
    before = shop.get(ORGANIZATION).json
    answer = shop.patch(ORGANIZATION, patch)
    refused(answer, 422, fault[1])
    assert codes(answer) == {fault}
    assert shop.get(ORGANIZATION).json == before


@pytest.mark.parametrize(
    "iban", ["DE75512108001245126199", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606", "NO9386011117947"]
)
def test_a_true_iban_is_taken_as_it_is_written(shop: Tenant, iban: str) -> None:
    assert shop.patch(ORGANIZATION, {"bank_account": {"iban": iban}}).json["bank_account"] == {"iban": iban}


def test_a_stale_version_is_not_changed_and_a_known_one_not_sent_again(tenant: Tenant) -> None:
    tag = tenant.get(ORGANIZATION).headers["ETag"]
    changed = tenant.patch(ORGANIZATION, {"phone": "1"}, If_Match=tag)
    assert changed.status_code == 200
    refused(tenant.patch(ORGANIZATION, {"phone": "2"}, If_Match=tag), 412, "precondition-failed")
    assert tenant.get(ORGANIZATION).json == changed.json
    known = tenant.get(ORGANIZATION, If_None_Match=changed.headers["ETag"])
    assert (known.status_code, known.data) == (304, b"")
    assert "Content-Type" not in known.headers


def test_an_organization_can_demand_if_match_of_everybody(tenant: Tenant, other: Tenant) -> None:
    customer = tenant.customer()
    path = f"/v1/customers/{customer['id']}"
    assert tenant.patch(ORGANIZATION, {"require_if_match": True}).status_code == 200
    draft = tenant.draft(customer_id=customer["id"])
    refused(tenant.patch(ORGANIZATION, {"phone": "1"}), 428, "precondition-required")
    refused(tenant.patch(path, {"phone": "1"}), 428, "precondition-required")
    refused(tenant.put(path, {"name": "x"}), 428)
    refused(tenant.delete(path), 428)
    refused(tenant.post(f"/v1/invoices/{draft['id']}/finalize"), 428)
    assert tenant.get(path).json == customer
    assert tenant.patch(path, {"phone": "1"}, If_Match='"1"').status_code == 200
    assert tenant.patch(path, {"phone": "2"}, If_Match="*").status_code == 200
    assert tenant.post(f"/v1/invoices/{draft['id']}/finalize", If_Match='"1"').status_code == 200
    theirs = other.customer()
    assert other.patch(f"/v1/customers/{theirs['id']}", {"phone": "1"}).status_code == 200


def test_a_dry_run_shows_the_change_and_keeps_nothing(tenant: Tenant) -> None:
    before = tenant.get(ORGANIZATION).json
    answer = tenant.patch(f"{ORGANIZATION}?dry_run=true", {"name": "x"})
    assert (answer.json["name"], answer.headers["Dry-Run"]) == ("x", "true")
    assert tenant.get(ORGANIZATION).json == before


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("accountant", 403), ("admin", 200), ("owner", 200)])
def test_only_administrators_change_it_and_all_read_it(tenant: Tenant, role: str, status: int) -> None:
    colleague = tenant.colleague(role)
    assert colleague.get(ORGANIZATION).json == tenant.get(ORGANIZATION).json
    assert colleague.patch(ORGANIZATION, {"phone": "1"}).status_code == status


def test_there_is_one_organization_for_a_credential_and_no_other_way_to_it(tenant: Tenant, other: Tenant) -> None:
    other.patch(ORGANIZATION, {"name": "Theirs"})
    assert tenant.get(ORGANIZATION).json["name"] == "Analytical Engines"
    refused(tenant.put(ORGANIZATION, WHOLE), 405)
    refused(tenant.delete(ORGANIZATION), 405)


def test_nothing_that_changes_later_shows_on_an_issued_invoice(tenant: Tenant) -> None:
    issued = tenant.invoice()
    assert tenant.patch(ORGANIZATION, {**WHOLE, "books_locked_until": None}).status_code == 200
    assert tenant.get(f"/v1/invoices/{issued['id']}").json == issued


def test_a_new_default_currency_counts_for_new_documents_only(tenant: Tenant) -> None:
    draft = tenant.draft()
    tenant.patch(ORGANIZATION, {"default_currency": "JPY"})
    path = f"/v1/invoices/{draft['id']}"
    kept = tenant.patch(path, {"notes": "x"}).json
    assert (kept["currency"], kept["total"]) == ("EUR", draft["total"])
    asked = tenant.patch(path, {"currency": None}).json
    assert (asked["currency"], asked["total"]) == ("JPY", "119")
    assert tenant.draft(lines=[line(unit_price="50")])["currency"] == "JPY"
    assert tenant.get(path).json["currency"] == "JPY"


def test_new_terms_count_for_new_documents_only(tenant: Tenant) -> None:
    issued = tenant.invoice()
    tenant.patch(ORGANIZATION, {"net_terms_days": 3})
    assert tenant.draft()["net_terms_days"] == 3
    assert tenant.draft(net_terms_days=0)["net_terms_days"] == 0
    assert tenant.draft(customer_id=tenant.customer(net_terms_days=0)["id"])["net_terms_days"] == 0
    assert tenant.get(f"/v1/invoices/{issued['id']}").json["due_date"] == issued["due_date"]


def test_another_country_leaves_the_way_to_cancel_as_it_was_chosen(tenant: Tenant) -> None:
    assert tenant.patch(ORGANIZATION, {"country": "US"}).json["cancellation_mode"] == "credit_note"
