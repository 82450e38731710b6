"""What is left of an invoice when credit notes come to its total: said by its actions as it is taken by the service."""

from typing import Any

from tests.credit_notes.crediting import again, balances, credit, part, priced
from tests.factories import Tenant, created


def offers(invoice: dict[str, Any]) -> dict[str, str | None]:
    """Why an invoice can be neither credited nor revised; None where it can."""
    return {one["name"]: one["reason"] for one in invoice["actions"] if one["name"] in {"credit", "revise"}}


def test_what_rounding_made_free_is_credited_too_and_comes_to_nothing(tenant: Tenant) -> None:
    freight = {"amount": "0.02", "tax_category": "S", "tax_rate": "7"}
    invoice = tenant.invoice(**priced("1 x 10.00 @ 19"), charges=[freight], cash_rounding_increment="0.05")
    assert (invoice["total"], invoice["payable_amount"]) == ("11.92", "11.90")
    first = credit(tenant, invoice, part(invoice, 0))
    left = again(tenant, invoice)
    assert (left["status"], left["amount_creditable"], left["charges"][0]["creditable_amount"]) == (
        "paid", "0.00", "0.02"
    )  # fmt: skip
    assert offers(left) == {"credit": None, "revise": None}
    # The problem of a deed that needs no lines says the same.
    refused = tenant.post(f"/v1/invoices/{invoice['id']}/payments", {"amount": "1.00", "method": "cash"})
    assert (refused.status_code, refused.json["allowed"]) == (409, ["mark-sent", "credit", "revise", "duplicate"])
    rest = credit(tenant, invoice)
    assert [rest[name] for name in ("total", "rounding_amount", "payable_amount")] == ["0.02", "-0.02", "0.00"]
    assert balances(tenant, invoice["id"], first["id"], rest["id"]) == {}
    refused = tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"})
    assert (refused.status_code, refused.json["code"]) == (409, "invoice-not-creditable")
    assert set(offers(again(tenant, invoice)).values()) == {"Nothing of it remains to be credited."}


def test_what_rounding_made_free_can_be_revised(tenant: Tenant) -> None:
    freight = {"amount": "0.02", "tax_category": "S", "tax_rate": "7"}
    invoice = tenant.invoice(**priced("1 x 10.00 @ 19"), charges=[freight], cash_rounding_increment="0.05")
    credit(tenant, invoice, part(invoice, 0))
    created(tenant.post(f"/v1/invoices/{invoice['id']}/revise", {"reason": "A wrong price"}))
    left = again(tenant, invoice)
    assert (left["amount_creditable"], left["charges"][0]["creditable_amount"]) == ("0.00", "0.00")


def test_parts_that_make_up_for_each_other_are_still_to_be_credited(tenant: Tenant) -> None:
    invoice = tenant.invoice(**priced("1 x 30.00 @ 19", "-1 x 10.00 @ 19"))
    credit(tenant, invoice, part(invoice, 0, net_amount="20.00"))
    left = again(tenant, invoice)
    assert (left["amount_creditable"], offers(left)) == ("0.00", {"credit": None, "revise": None})
    assert credit(tenant, invoice)["payable_amount"] == "0.00"
    assert None not in offers(again(tenant, invoice)).values()


def test_an_invoice_below_zero_says_why_it_is_not_credited(tenant: Tenant) -> None:
    invoice = tenant.invoice(**priced("-1 x 10.00 @ 19"))
    refused = tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "No"})
    assert (refused.status_code, refused.json["code"]) == (409, "invoice-not-creditable")
    assert set(offers(invoice).values()) == {refused.json["detail"]}
    assert refused.json["allowed"] == ["mark-sent", "refund", "duplicate"]
