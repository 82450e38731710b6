"""Revising an issued invoice: cancelled as a whole, and a linked draft in its place."""

from decimal import Decimal

import pytest

from tests.credit_notes.crediting import again, balances
from tests.factories import Tenant, created, line


def test_an_invoice_that_was_not_sent_is_voided_and_drafted_anew(tenant: Tenant) -> None:
    old = tenant.invoice(notes="Thanks", issue_date=None, billing_period=None)
    path = f"/v1/invoices/{old['id']}/revise"
    new = created(tenant.post(path, {"reason": "A wrong price"}))
    assert (new["status"], new["notes"], new["total"], new["issue_date"]) == ("draft", "Thanks", old["total"], None)
    assert new["supply_date"] == old["supply_date"]
    assert new["preceding_invoices"] == [
        {"number": old["number"], "issue_date": old["issue_date"], "invoice_id": old["id"]}
    ]
    gone = again(tenant, old)
    assert (gone["status"], gone["void_reason"], gone["revised_by_id"]) == ("void", "A wrong price", new["id"])
    assert (new["revision_of_id"], new["version"]) == (old["id"], 1)
    assert balances(tenant, old["id"]) == {}
    refused = tenant.post(path, {"reason": "Again"})
    assert (refused.status_code, refused.json["code"]) == (409, "invalid-transition")
    types = [event["type"] for event in tenant.get("/v1/events?limit=100").json["data"][-3:]]
    assert types == ["invoice.created", "invoice.voided", "invoice.revised"]


def test_an_invoice_that_was_sent_or_paid_is_credited_and_drafted_anew(tenant: Tenant) -> None:
    old = tenant.invoice(lines=[line(), line(unit_price="1.00")])
    tenant.post(f"/v1/invoices/{old['id']}/mark-sent")
    tenant.post(f"/v1/invoices/{old['id']}/payments", {"amount": "20.00"})
    path = f"/v1/invoices/{old['id']}/revise"
    new = created(tenant.post(path, {"reason": "A wrong price"}))
    gone = again(tenant, old)
    assert (gone["status"], gone["amount_creditable"], gone["revised_by_id"]) == ("paid", "0.00", new["id"])
    (note,) = tenant.get(f"/v1/credit-notes?invoice_id={old['id']}").json["data"]
    assert (note["reason"], note["amount_available"]) == ("A wrong price", "20.00")
    assert tenant.post(path, {"reason": "Again"}).status_code == 409
    final = tenant.post(f"/v1/invoices/{new['id']}/finalize").json
    assert (final["status"], final["preceding_invoices"][0]["invoice_id"]) == ("open", old["id"])
    twice = created(tenant.post(f"/v1/invoices/{new['id']}/revise", {"reason": "Once more"}))
    assert [one["invoice_id"] for one in twice["preceding_invoices"]] == [new["id"], old["id"]]


def test_a_draft_is_not_revised_but_changed(tenant: Tenant) -> None:
    draft = tenant.draft()
    refused = tenant.post(f"/v1/invoices/{draft['id']}/revise", {"reason": "No"})
    assert (refused.status_code, refused.json["code"]) == (409, "invalid-transition")
    old = tenant.invoice()
    stale = tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "No"}, If_Match='"7"')
    assert stale.status_code == 412


def test_a_draft_that_is_deleted_leaves_the_invoice_it_was_to_replace(tenant: Tenant) -> None:
    old = tenant.invoice()
    new = created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "A wrong price"}))
    linked = again(tenant, old)
    assert tenant.delete(f"/v1/invoices/{new['id']}").status_code == 204
    alone = again(tenant, old)
    assert (linked["revised_by_id"], alone["revised_by_id"]) == (new["id"], None)
    assert alone["version"] == linked["version"] + 1
    told = tenant.get(f"/v1/invoices/{old['id']}/events").json["data"][-1]
    assert (told["type"], told["data"]) == (
        "invoice.revision_deleted",
        {"number": old["number"], "revision": new["id"]},
    )


def test_an_invoice_to_the_wrong_customer_is_revised_for_the_right_one(tenant: Tenant) -> None:
    invoice, right = tenant.invoice(), tenant.customer()["id"]
    draft = created(tenant.post(f"/v1/invoices/{invoice['id']}/revise", {"reason": "Wrong buyer"}))
    changed = tenant.patch(draft["links"]["self"], {"customer_id": right})
    assert changed.status_code == 200, changed.text
    assert [one["invoice_id"] for one in changed.json["preceding_invoices"]] == [invoice["id"]]
    issued = tenant.post(f"{draft['links']['self']}/finalize").json
    assert (issued["customer_id"], issued["revision_of_id"]) == (right, invoice["id"])


@pytest.mark.parametrize("is_sent", [False, True])
@pytest.mark.parametrize(("prepaid", "net"), [("19.00", "100.00"), ("119.00", "0.00"), ("150.00", "-31.00")])
def test_what_was_prepaid_counts_once_however_the_invoice_is_cancelled(
    tenant: Tenant, prepaid: str, net: str, is_sent: bool
) -> None:
    old = tenant.invoice(prepaid_amount=prepaid)
    if is_sent:
        tenant.post(f"/v1/invoices/{old['id']}/mark-sent")
    new = created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "A wrong address"}))
    is_credited = is_sent or prepaid != "19.00"
    assert new["prepaid_amount"] == ("0.00" if is_credited else prepaid)
    assert tenant.post(f"/v1/invoices/{new['id']}/finalize").json["status"] == "open"
    (one,) = tenant.get(f"/v1/customers/{old['customer_id']}/balance").json["balances"]
    assert Decimal(one["net"]) == Decimal(net)
