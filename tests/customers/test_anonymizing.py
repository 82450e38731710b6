"""Anonymizing a customer: what is removed and stays removed, what is left, and who is in the way."""

from typing import Any

import psycopg2
import pytest
from werkzeug.test import TestResponse

from billing_api.customers import routes
from billing_api.embedded import Addresses
from billing_api.invoices.service import MOST_NAMED
from tests.factories import BUYER_ADDRESS, Tenant
from tests.meddling import AT_A_LOCK, IN_VAIN, one_within_the_other, rewriting
from tests.money_races import outcome_of
from tests.schema import connected
from tests.web.refusals import refused

CANARY = "canary5Pq"
EMAIL = f"{CANARY}@example.com"
PERSON: dict[str, Any] = {
    "type": "individual",
    "name": CANARY,
    "legal_name": CANARY,
    "email": EMAIL,
    "billing_emails": [EMAIL],
    "external_id": CANARY,
    "tax_ids": [{"type": "other", "value": CANARY}],
    "registration_number": CANARY,
    "billing_address": {**BUYER_ADDRESS, "line1": CANARY},
    "shipping_address": {**BUYER_ADDRESS, "line1": CANARY},
    "phone": CANARY,
    "contact": {"name": CANARY, "email": EMAIL},
    "electronic_address": {"scheme_id": "EM", "value": EMAIL},
    "currency": "EUR",
    "locale": "de-DE",
    "net_terms_days": 14,
    "exemption": {"reason": CANARY, "certificate_number": CANARY},
    "metadata": {CANARY: CANARY},
}


def anonymize(tenant: Tenant, customer: dict[str, Any], query: str = "", **headers: str) -> TestResponse:
    return tenant.post(f"{customer['links']['self']}/anonymize{query}", **headers)


def holding(addresses: Addresses, tenant: Tenant, word: str) -> set[str]:
    """The tables of a tenant that hold this word anywhere, stored replies read as text."""
    found = set()
    with connected(addresses.owner) as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = 'organization_id'"
        )
        for (table,) in cursor.fetchall():
            text = "to_jsonb(t)::text" + (" || encode(t.body, 'escape')" if table == "idempotency_keys" else "")
            query = f"SELECT FROM {table} t WHERE organization_id = %s AND position(%s in {text}) > 0 LIMIT 1"
            cursor.execute(query, [str(tenant.organization_id), word])
            found |= {table} if cursor.rowcount else set()
    return found


def test_nothing_personal_is_left_of_a_customer(tenant: Tenant, addresses: Addresses) -> None:
    assert tenant.post("/v1/customers", PERSON, Idempotency_Key="kept").status_code == 201
    (customer,) = tenant.get(f"/v1/customers?email={EMAIL}").json["data"]
    assert holding(addresses, tenant, CANARY) == {"customers", "customer_traits", "idempotency_keys"}
    answer = anonymize(tenant, customer)
    assert answer.status_code == 200
    assert answer.json.items() >= {
        "id": customer["id"], "type": "individual", "name": "Anonymized customer", "email": None, "archived": True,
        "billing_emails": [], "tax_ids": [], "metadata": {}, "currency": "EUR", "locale": "de-DE", "net_terms_days": 14,
        "created_at": customer["created_at"], "version": 2,
    }.items()  # fmt: skip
    assert answer.json["anonymized_at"] is not None
    assert holding(addresses, tenant, CANARY) == set()
    assert CANARY not in answer.text
    assert tenant.get(customer["links"]["self"]).json == answer.json
    stated = tenant.get(f"/v1/events?object_id={customer['id']}").json["data"]
    assert [(one["type"], one["changed"], one["data"]) for one in stated] == [
        ("customer.created", [], {}),
        ("customer.anonymized", [], {}),
    ]
    (noted,) = tenant.get(f"/v1/audit-log?object_id={customer['id']}").json["data"]
    assert (noted["action"], noted["data"]) == ("customer.anonymized", {})


def test_it_is_done_once_and_stays(tenant: Tenant) -> None:
    customer = tenant.customer()
    path = customer["links"]["self"]
    refused(anonymize(tenant, customer, If_Match='"2"'), 412, "precondition-failed")
    assert anonymize(tenant, customer, "?dry_run=true").json["anonymized_at"] is not None
    assert tenant.get(path).json == customer
    first = anonymize(tenant, customer, If_Match='"1"')
    assert anonymize(tenant, customer).json == first.json
    for change in ({"archived": False}, {"name": "Back"}, {"phone": "1"}, {}):
        refused(tenant.patch(path, change), 409, "customer-anonymized")
    refused(tenant.put(path, {"name": "Back"}), 409, "customer-anonymized")
    assert tenant.delete(path).status_code == 204


def test_its_keys_are_free_for_another(tenant: Tenant) -> None:
    customer = tenant.customer(email="free@example.com", external_id="free")
    anonymize(tenant, customer)
    again = tenant.put("/v1/customers/by-external-id/free", {"name": "New", "email": "free@example.com"})
    assert again.status_code == 201
    assert again.json["id"] != customer["id"]


def test_issued_documents_keep_their_buyer_and_are_settled_as_ever(tenant: Tenant) -> None:
    customer = tenant.customer(name=CANARY)
    invoice, paid = (tenant.invoice(customer_id=customer["id"]) for _ in range(2))
    assert anonymize(tenant, customer).status_code == 200
    kept = tenant.get(invoice["links"]["self"]).json
    assert (kept["buyer"]["name"], kept["total"]) == (CANARY, invoice["total"])
    assert tenant.payment(paid)["status"] == "received"
    note = tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"})
    assert (note.status_code, note.json["buyer"]["name"]) == (201, CANARY)
    assert tenant.get(f"{customer['links']['self']}/statement").status_code == 200


def test_nothing_new_is_invoiced_to_it(tenant: Tenant) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice(customer_id=customer["id"])
    anonymize(tenant, customer)
    place = invoice["links"]["self"]
    refused(tenant.post("/v1/invoices", tenant.invoice_body(customer_id=customer["id"])), 422, "customer-archived")
    refused(tenant.post(f"{place}/duplicate"), 422, "customer-archived")
    refused(tenant.post(f"{place}/revise", {"reason": "Wrong"}), 422, "customer-archived")
    actions = {one["name"]: one for one in tenant.get(place).json["actions"]}
    assert "anonymized" in actions["duplicate"]["reason"], "there is no way back, so none is shown"
    offered = {name: one["allowed"] for name, one in actions.items()}
    assert (offered["revise"], offered["duplicate"], offered["pay"]) == (False, False, True)
    body = {"customer_id": customer["id"], "reason": "Bonus", "lines": tenant.invoice_body()["lines"]}
    body["preceding_invoices"] = [{"number": "A-1"}]
    refused(tenant.post("/v1/credit-notes", body), 422, "customer-archived")


def test_drafts_stand_in_the_way(tenant: Tenant) -> None:
    customer = tenant.customer()
    draft = tenant.draft(customer_id=customer["id"])
    tenant.draft()
    problem = refused(anonymize(tenant, customer), 409, "customer-has-drafts")
    assert problem["drafts"] == [draft["links"]["self"]]
    assert tenant.get(customer["links"]["self"]).json == customer
    assert tenant.delete(draft["links"]["self"]).status_code == 204
    assert anonymize(tenant, customer).status_code == 200


def test_of_many_drafts_in_the_way_the_oldest_are_named(tenant: Tenant) -> None:
    """Plant the flaw by naming all of them."""
    customer = tenant.customer()
    drafts = [tenant.draft(customer_id=customer["id"], lines=[])["links"]["self"] for _ in range(MOST_NAMED + 1)]
    problem = refused(anonymize(tenant, customer), 409, "customer-has-drafts")
    assert problem["drafts"] == drafts[:MOST_NAMED]


def test_stored_replies_about_it_are_forgotten_and_no_others(tenant: Tenant, addresses: Addresses) -> None:
    customer, other = tenant.customer(name=CANARY), tenant.customer()
    for key, buyer in (("mine", customer), ("another's", other)):
        body = tenant.invoice_body(customer_id=buyer["id"], finalize=True)
        assert tenant.post("/v1/invoices", body, Idempotency_Key=key).status_code == 201
    assert "idempotency_keys" in holding(addresses, tenant, CANARY)
    anonymize(tenant, customer)
    assert "idempotency_keys" not in holding(addresses, tenant, CANARY)
    again = {"customer_id": other["id"], "lines": body["lines"], "finalize": True}
    assert tenant.post("/v1/invoices", again, Idempotency_Key="another's").headers["Idempotency-Replayed"] == "true"


def test_a_reply_that_is_not_forgotten_would_be_seen(
    tenant: Tenant, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "forget_replies", lambda _: None)
    made = tenant.post("/v1/customers", PERSON, Idempotency_Key="kept").json
    assert anonymize(tenant, made).status_code == 200
    assert holding(addresses, tenant, CANARY) == {"idempotency_keys"}


@pytest.mark.parametrize(
    "change",
    ["name = 'x'", "email = 'x', email_key = 'x'", 'metadata = \'{"a": "b"}\'', "archived = false", "phone = '1'"],
)
def test_the_database_itself_keeps_it_so(tenant: Tenant, addresses: Addresses, change: str) -> None:
    customer = tenant.customer()
    anonymize(tenant, customer)
    with connected(addresses.owner) as cursor:
        for words in (change, "anonymized_at = NULL"):
            with pytest.raises(psycopg2.errors.CheckViolation):
                cursor.execute(f"UPDATE customers SET {words} WHERE id = %s", [customer["id"]])  # noqa: S608


def draft_and_anonymize(tenant: Tenant, patience: float) -> tuple[str, str, bool]:
    """A draft is being made for a customer who is anonymized meanwhile; whether it stands for nobody in the end."""
    customer = tenant.customer()
    draft = ("POST", "/v1/invoices", tenant.invoice_body(customer_id=customer["id"]))
    forget = ("POST", f"{customer['links']['self']}/anonymize", None)
    made, forgotten = one_within_the_other(tenant, (draft, forget), "FROM customers", patience)
    return outcome_of(made), outcome_of(forgotten), made.status == 201 and forgotten.status == 200


def test_a_draft_that_is_being_made_is_seen(tenant: Tenant, other: Tenant) -> None:
    assert draft_and_anonymize(tenant, AT_A_LOCK) == ("done", "customer-has-drafts", False)
    with rewriting(other.app, r"FOR UPDATE OF customers", "FOR NO KEY UPDATE OF customers"):
        assert draft_and_anonymize(other, IN_VAIN)[2]
