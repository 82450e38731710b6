"""Revising an issued invoice: cancelled as a whole, and a linked draft in its place."""

from decimal import Decimal
from typing import Any

import pytest

from billing_api import clock
from tests.credit_notes.crediting import again, balances
from tests.factories import Tenant, created, line


def today() -> str:
    """Asked for anew by each test: a run may go on past midnight."""
    return clock.today("Europe/Berlin").isoformat()


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


@pytest.mark.parametrize("is_sent", [False, True])
def test_an_invoice_that_comes_to_nothing_but_is_owed_can_be_revised_while_it_may_be_void(
    tenant: Tenant, *, is_sent: bool
) -> None:
    lines = [line(), line(quantity="-2")]
    old = tenant.invoice(lines=lines, prepaid_amount="-10.00")
    assert (old["total"], old["payable_amount"], old["status"]) == ("0.00", "10.00", "open")
    path = f"/v1/invoices/{old['id']}"
    if is_sent:
        old = tenant.post(f"{path}/mark-sent").json
    offer = next(one for one in old["actions"] if one["name"] == "revise")
    answer = tenant.post(f"{path}/revise", {"reason": "A wrong deduction"})
    assert (offer["allowed"], answer.status_code) == ((False, 409) if is_sent else (True, 201)), answer.text
    assert again(tenant, old)["status"] == ("open" if is_sent else "void")


def test_an_invoice_over_a_rounding_alone_is_credited_with_that(tenant: Tenant) -> None:
    old = tenant.invoice(lines=[line(quantity="0")], rounding_amount="0.73")
    asked = {"invoice_id": old["id"], "reason": "Never agreed"}
    preview, dry = tenant.post("/v1/credit-notes/preview", asked), tenant.post("/v1/credit-notes?dry_run=true", asked)
    assert [one.json["payable_amount"] for one in (preview, dry)] == ["0.73", "0.73"]
    tenant.post(f"/v1/invoices/{old['id']}/mark-sent")
    assert created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "x"}))["rounding_amount"] == "0.73"
    (note,) = tenant.get(f"/v1/credit-notes?invoice_id={old['id']}").json["data"]
    assert (note["payable_amount"], note["rounding_amount"], note["tax_breakdown"]) == ("0.73", "0.73", [])
    gone = again(tenant, old)
    assert (gone["status"], gone["settled_by"], gone["amount_due"]) == ("paid", "credit", "0.00")


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
    assert created(tenant.post(f"{draft['links']['self']}/duplicate"))["preceding_invoices"] == []
    twice = created(tenant.post(f"{draft['links']['self']}/revise", {"reason": "Again"}))
    assert [one["invoice_id"] for one in twice["preceding_invoices"]] == [issued["id"], invoice["id"]]
    assert tenant.patch(twice["links"]["self"], {"notes": "Sorry."}).status_code == 200


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


def test_the_lines_stay_as_they_were_whatever_the_catalogue_says_by_now(tenant: Tenant) -> None:
    components = [{"name": "State", "rate": "4"}, {"name": "County", "rate": "3"}]
    rate = tenant.tax_rate(rate="7", components=components)
    product = tenant.product(name="Screws", unit="XBX", base_quantity="10", sku="S-1", tax_rate_id=rate["id"])
    own = tenant.product(tax_category="S", tax_rate="19")
    lines = [
        {"product_id": product["id"], "quantity": "3"},
        {"product_id": product["id"], "quantity": "3", "price_discount": "5.00"},
        {"product_id": own["id"], "quantity": "1"},
        {"product_id": own["id"], "quantity": "1", "tax_category": "E", "exemption_reason": "Training"},
        {"product_id": own["id"], "quantity": "1", "taxes": [{"tax_rate_id": rate["id"]}, {"rate": "2", "name": "X"}]},
    ]
    old = tenant.invoice(lines=lines)
    change = {"name": "Nails", "unit": "C62", "unit_price": "70.00", "base_quantity": "1", "sku": "N", "archived": True}
    assert tenant.patch(product["links"]["self"], {**change, "tax_rate_id": None}).status_code == 200
    change = {"tax_rate": "5", "unit_price": "70.00", "prices_include_tax": True}
    assert tenant.patch(own["links"]["self"], change).status_code == 200
    assert tenant.patch(rate["links"]["self"], {"archived": True}).status_code == 200
    new = created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "A wrong address"}))
    said = ("lines", "tax_breakdown", "total")
    assert without_ids({name: new[name] for name in said}) == without_ids({name: old[name] for name in said})
    changed = tenant.patch(new["links"]["self"], {"notes": "Sorry."})
    assert (changed.status_code, changed.json["total"]) == (200, old["total"]), changed.text
    assert tenant.post(f"/v1/invoices/{new['id']}/finalize").json["status"] == "open"


def without_ids(value: Any) -> Any:
    """The same without what tells two documents apart, and what credits have left of them."""
    if isinstance(value, list):
        return [without_ids(one) for one in value]
    if isinstance(value, dict):
        return {
            name: without_ids(one)
            for name, one in value.items()
            if name != "id" and not name.startswith(("creditable", "credited"))
        }
    return value


def test_the_tax_of_a_customer_and_its_reason_stay_as_they_were(tenant: Tenant) -> None:
    exempt = {"tax_treatment": "exempt", "exemption": {"reason": "A school", "reason_code": "VATEX-EU-132"}}
    buyer = tenant.customer(**exempt)
    bare = {"description": "Lessons", "quantity": "1", "unit_price": "50.00"}
    lines = [bare, {**bare, "tax_category": "E", "exemption_reason": "Training"}, line()]
    old = tenant.invoice(customer_id=buyer["id"], lines=lines)
    assert tenant.patch(buyer["links"]["self"], {"tax_treatment": "standard", "exemption": None}).status_code == 200
    new = created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "A wrong address"}))
    assert without_ids(new["tax_breakdown"]) == without_ids(old["tax_breakdown"])
    assert new["lines"][0]["exemption_reason"] == "A school"
    assert tenant.post(f"/v1/invoices/{new['id']}/finalize").json["total"] == old["total"]


def test_the_customer_of_the_invoice_may_be_archived_by_now(tenant: Tenant) -> None:
    buyer, another = tenant.customer(), tenant.customer()
    old = tenant.invoice(customer_id=buyer["id"])
    for one in (buyer, another):
        assert tenant.patch(one["links"]["self"], {"archived": True}).status_code == 200
    new = created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "A wrong price"}))
    (finalize,) = (one for one in new["actions"] if one["name"] == "finalize")
    assert (finalize["allowed"], finalize["blockers"]) == (True, [])
    refused = tenant.patch(new["links"]["self"], {"customer_id": another["id"]})
    assert (refused.status_code, refused.json["code"]) == (422, "customer-archived")
    assert tenant.patch(new["links"]["self"], {"notes": "Sorry."}).status_code == 200
    assert tenant.post(f"/v1/invoices/{new['id']}/finalize").json["status"] == "open"


def test_a_due_date_that_was_asked_for_stays_unless_it_is_past(tenant: Tenant) -> None:
    for asked, kept in (("2026-01-31", None), (today(), today()), ("2999-12-31", "2999-12-31")):
        old = tenant.invoice(issue_date="2026-01-15", due_date=asked)
        new = created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "A wrong price"}))
        assert (new["issue_date"], new["due_date"]) == (None, kept)


def test_an_unchanged_draft_in_place_of_another_customers_invoice_stays_as_it_is(tenant: Tenant) -> None:
    old, right = tenant.invoice(), tenant.customer()["id"]
    draft = created(tenant.post(f"/v1/invoices/{old['id']}/revise", {"reason": "Wrong buyer"}))
    moved = tenant.patch(draft["links"]["self"], {"customer_id": right}).json
    assert tenant.patch(draft["links"]["self"], {"customer_id": right}).json["version"] == moved["version"]
