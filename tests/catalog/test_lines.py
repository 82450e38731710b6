"""Lines that take from the catalogue: what comes over, what wins, and what stands when the catalogue changes."""

import uuid
from typing import Any

import pytest
from flask import Flask

from tests import sharing
from tests.factories import Tenant, line, sign_up
from tests.statements import recorded
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"
PREVIEW = f"{INVOICES}/preview"

tenant = sharing.tenant


def path(thing: dict[str, Any]) -> str:
    found: str = thing["links"]["self"]
    return found


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = found
    return one


def taxed(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["tax_category"], line["tax_rate"], line["tax_rate_id"]


def test_a_product_gives_what_the_line_leaves_out(tenant: Tenant) -> None:
    rate = tenant.tax_rate(name="VAT 19 %")
    screws = tenant.product(
        name="Screws", description="Screws, galvanized", sku="S-1", unit="XBX", unit_price="4.125", base_quantity="100",
        tax_rate_id=rate["id"],
    )  # fmt: skip
    draft = tenant.draft(lines=[{"product_id": screws["id"], "quantity": "1000"}])
    row = only(draft["lines"])
    assert (row["product_id"], row["description"], row["sku"]) == (screws["id"], "Screws, galvanized", "S-1")
    assert (row["unit"], row["unit_price"], row["base_quantity"]) == ("XBX", "4.125", "100")
    assert (row["net"], taxed(row)) == ("41.25", ("S", "19", rate["id"]))
    named = {"category": "S", "rate": "19", "name": "VAT 19 %", "tax_rate_id": rate["id"], "components": []}
    assert row["taxes"] == [named]
    group = only(draft["tax_breakdown"])
    assert (group["name"], group["taxable_amount"], group["tax_amount"]) == ("VAT 19 %", "41.25", "7.84")
    assert tenant.get(path(draft)).json == draft


def test_a_product_without_a_description_gives_its_name(tenant: Tenant) -> None:
    product = tenant.product(name="Book")
    assert only(tenant.draft(lines=[{"product_id": product["id"], "quantity": "1"}])["lines"])["description"] == "Book"


@pytest.mark.parametrize(
    "own",
    [
        {"description": "Other"},
        {"unit": "HUR"},
        {"sku": "S-2"},
        {"unit_price": "60.00"},
        {"base_quantity": "2"},
        {"tax_category": "Z", "tax_rate": "0"},
    ],
)
def test_the_line_overrides_any_member(tenant: Tenant, own: dict[str, str]) -> None:
    product = tenant.product(description="Work", sku="S-1", unit="C62", tax_rate="19")
    plain, changed = (
        only(tenant.post(PREVIEW, {"lines": [{"product_id": product["id"], "quantity": "1", **given}]}).json["lines"])
        for given in ({}, own)
    )
    figures = {"id", "amount", "net", "taxes"}
    differing = {name for name in plain if plain[name] != changed[name]} - figures
    assert differing == own.keys()
    assert {name: changed[name] for name in own} == own


def test_a_discount_on_the_line_is_taken_off_the_products_price(tenant: Tenant) -> None:
    product = tenant.product(unit_price="50.00", tax_rate="19")
    row = {"product_id": product["id"], "quantity": "2", "price_discount": "5.00"}
    shown = only(tenant.draft(lines=[row])["lines"])
    assert (shown["gross_price"], shown["unit_price"], shown["net"]) == ("50.00", "45.00", "90.00")
    shown = only(tenant.draft(lines=[{**row, "gross_price": "20.00"}])["lines"])
    assert (shown["gross_price"], shown["unit_price"]) == ("20.00", "15.00")


RATE_ID = "the rate"


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, ("S", "19", None)),
        ({"tax_rate": "7"}, ("S", "7", None)),
        ({"tax_category": "Z"}, ("Z", "0", None)),
        ({"taxes": [{"rate": "7", "name": "x"}]}, ("S", "7", None)),
        ({"tax_rate_id": RATE_ID}, ("S", "25", RATE_ID)),
        ({"taxes": [{"tax_rate_id": RATE_ID}]}, ("S", "25", RATE_ID)),
    ],
)
@pytest.mark.parametrize("treatment", ["standard", "reverse_charge"])
def test_the_tax_of_the_line_comes_before_the_customers_and_that_before_the_products(
    tenant: Tenant, own: dict[str, Any], expected: tuple[Any, ...], treatment: str
) -> None:
    rate = tenant.tax_rate(rate="25")["id"]
    customer = tenant.customer(tax_treatment=treatment, tax_ids=[{"type": "eu_vat", "value": "FR40303265045"}])["id"]
    product = tenant.product(tax_rate="19")["id"]

    def filled(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(filled(one) for one in value)
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        return rate if value == RATE_ID else value

    issued = tenant.invoice(customer_id=customer, lines=[{"product_id": product, "quantity": "1", **filled(own)}])
    expected = ("AE", "0", None) if treatment == "reverse_charge" and not own else filled(expected)
    assert taxed(only(issued["lines"])) == expected


def test_a_seller_who_charges_no_tax_charges_none_on_products(app: Flask) -> None:
    seller = sign_up(app, is_ready=False)
    seller.patch("/v1/organization", {"tax_registered": False, "exemption_reason": "Small"})
    product = seller.product(tax_rate="19")
    draft = seller.draft(lines=[{"product_id": product["id"], "quantity": "1"}])
    assert (draft["total"], only(draft["tax_breakdown"])["exemption_reason"]) == ("50.00", "Small")


@pytest.mark.parametrize("own", [{"tax_rate": "7"}, {"tax_category": "Z"}, {"taxes": [{"rate": "7"}]}])
def test_a_tax_is_named_in_one_way(tenant: Tenant, own: dict[str, Any]) -> None:
    rate = tenant.tax_rate()["id"]
    answer = tenant.post(PREVIEW, {"lines": [{**line(tax_rate=None), "tax_rate_id": rate, **own}]})
    refused(answer, 422, "taxes-twice")
    assert codes(answer) == {("/lines/0/tax_rate_id", "taxes-twice")}


@pytest.mark.parametrize("own", [{"category": "S"}, {"rate": "7"}, {"name": "x"}])
def test_a_tax_of_several_is_named_in_one_way(tenant: Tenant, own: dict[str, Any]) -> None:
    rate = tenant.tax_rate()["id"]
    answer = tenant.post(PREVIEW, {"lines": [line(tax_rate=None, taxes=[{"tax_rate_id": rate, **own}])]})
    refused(answer, 422, "taxes-twice")
    assert codes(answer) == {("/lines/0/taxes/0/tax_rate_id", "taxes-twice")}


def test_everything_that_is_not_there_is_told_at_once(tenant: Tenant) -> None:
    gone, nothing = tenant.product(), str(uuid.UUID(int=0))
    old = tenant.tax_rate()
    behind = tenant.product(tax_rate_id=old["id"])
    for archived in (gone, old):
        tenant.patch(path(archived), {"archived": True})
    lines = [
        {"product_id": nothing, "quantity": "1"},
        {"product_id": gone["id"], "quantity": "1"},
        {"product_id": behind["id"], "quantity": "1"},
        line(tax_rate=None, tax_rate_id=nothing),
        line(tax_rate=None, taxes=[{"rate": "7"}, {"tax_rate_id": old["id"]}]),
        line(tax_rate="0"),
    ]
    customer = tenant.customer()["id"]
    draft = tenant.draft(customer_id=customer)
    for answer in (
        tenant.post(PREVIEW, {"lines": lines}),
        tenant.post(INVOICES, {"customer_id": customer, "lines": lines}),
        tenant.patch(path(draft), {"lines": lines}),
    ):
        refused(answer, 422, "validation-failed")
        assert codes(answer) == {
            ("/lines/0/product_id", "product-not-found"),
            ("/lines/1/product_id", "product-archived"),
            ("/lines/2/product_id", "tax-rate-archived"),
            ("/lines/3/tax_rate_id", "tax-rate-not-found"),
            ("/lines/4/taxes/1/tax_rate_id", "tax-rate-archived"),
            ("/lines/5/tax_rate", "tax-rate-not-allowed"),
        }
    assert tenant.get(path(draft)).json == draft


@pytest.mark.parametrize(
    ("product", "document", "code"),
    [
        ({"currency": "USD"}, {"currency": "EUR"}, "product-currency-mismatch"),
        ({"prices_include_tax": True}, {}, "product-price-mode-mismatch"),
        ({}, {"prices_include_tax": True}, "product-price-mode-mismatch"),
    ],
)
def test_a_price_is_neither_converted_nor_taken_for_what_it_is_not(
    tenant: Tenant, product: dict[str, Any], document: dict[str, Any], code: str
) -> None:
    taken = {"product_id": tenant.product(tax_rate="19", **product)["id"], "quantity": "1"}
    answer = tenant.post(PREVIEW, {"lines": [taken], **document})
    refused(answer, 422, code)
    assert codes(answer) == {("/lines/0/product_id", code)}
    for own in ({"unit_price": "1.00"}, {"gross_price": "1.00"}):
        assert tenant.post(PREVIEW, {"lines": [{**taken, **own}], **document}).status_code == 200


def test_a_line_without_a_product_still_needs_its_words_and_its_price(tenant: Tenant) -> None:
    answer = tenant.post(PREVIEW, {"lines": [{"quantity": "1", "unit_price": "1"}, {"description": "x"}]})
    assert codes(answer) == {("/lines/0/description", "required"), ("/lines/1/quantity", "required")}
    answer = tenant.post(PREVIEW, {"lines": [{"description": "x", "quantity": "1"}]})
    assert codes(answer) == {("/lines/0/unit_price", "price-missing")}
    zero = {"product_id": tenant.product()["id"], "quantity": "1", "base_quantity": "0"}
    assert codes(tenant.post(PREVIEW, {"lines": [zero]})) == {("/lines/0/base_quantity", "base-quantity-not-positive")}


def test_a_draft_keeps_what_it_took_until_it_is_saved_again(tenant: Tenant) -> None:
    product = tenant.product(tax_rate="19")
    drafts = [tenant.draft(lines=[{"product_id": product["id"], "quantity": "1"}]) for _ in range(2)]
    tenant.patch(path(product), {"unit_price": "70.00", "tax_rate": "7", "description": "Other", "archived": True})
    for draft in drafts:
        assert tenant.get(path(draft)).json == draft
    issued = tenant.post(f"{path(drafts[0])}/finalize").json
    assert (issued["status"], issued["total"]) == ("open", "59.50")
    # What can be credited is nothing before it is issued.
    whole = {"creditable_quantity": "1", "creditable_net": "50.00"}
    drafts[0]["lines"] = [{**only(drafts[0]["lines"]), **whole}]
    figures = ("lines", "tax_breakdown", "total")
    assert [issued[name] for name in figures] == [drafts[0][name] for name in figures]
    refused(tenant.patch(path(drafts[1]), {"notes": "x"}), 422, "product-archived")
    tenant.patch(path(product), {"archived": False})
    saved = tenant.patch(path(drafts[1]), {}).json
    assert (saved["total"], saved["version"], only(saved["lines"])["description"]) == ("74.90", 2, "Other")
    assert tenant.patch(path(drafts[1]), {}).json["version"] == 2, "nothing has changed since"
    assert tenant.get(path(issued)).json["total"] == "59.50"


@pytest.mark.parametrize(("before", "after"), [("standard", "reverse_charge"), ("reverse_charge", "standard")])
def test_a_draft_with_a_product_is_not_issued_under_another_treatment_unseen(
    tenant: Tenant, before: str, after: str
) -> None:
    customer = tenant.customer(tax_treatment=before, tax_ids=[{"type": "eu_vat", "value": "FR40303265045"}])
    taken = {"product_id": tenant.product(tax_rate="19")["id"], "quantity": "1"}
    draft = tenant.draft(customer_id=customer["id"], lines=[taken])
    tenant.patch(path(customer), {"tax_treatment": after})
    answer = tenant.post(f"{path(draft)}/finalize")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == {("/lines/0/tax_rate", "tax-out-of-date")}
    saved = tenant.patch(path(draft), {}).json
    assert only(saved["lines"])["tax_category"] == {"standard": "S", "reverse_charge": "AE"}[after]
    assert tenant.post(f"{path(draft)}/finalize").status_code == 200


def test_a_product_without_a_tax_leaves_the_line_without_one(tenant: Tenant) -> None:
    draft = tenant.draft(lines=[{"product_id": tenant.product()["id"], "quantity": "1"}])
    assert (draft["tax_breakdown"], draft["total"]) == ([], "50.00")
    answer = tenant.post(f"{path(draft)}/finalize")
    assert codes(answer) == {("/lines/0/tax_rate", "required")}


def test_a_patch_is_merged_into_what_was_asked_for(tenant: Tenant) -> None:
    product = tenant.product(tax_rate="19")
    draft = tenant.draft(lines=[{"product_id": product["id"], "quantity": "1"}], notes="a")
    changed = tenant.patch(path(draft), {"notes": "b"}).json
    row = only(changed["lines"])
    assert (row["product_id"], row["unit_price"]) == (product["id"], "50.00")
    plain = tenant.patch(path(draft), {"lines": [line()]}).json
    assert (only(plain["lines"])["product_id"], plain["total"]) == (None, "119.00")


def test_a_thousand_lines_ask_the_catalogue_twice(tenant: Tenant) -> None:
    rate = tenant.tax_rate()["id"]
    products = [tenant.product(tax_rate_id=rate)["id"] for _ in range(3)]
    lines = [{"product_id": products[number % 3], "quantity": "1"} for number in range(50)]
    with recorded(tenant.app) as seen:
        assert tenant.post(PREVIEW, {"lines": lines}).json["subtotal"] == "2500.00"
    asked = [text for text, _ in seen if "FROM products" in text or "FROM tax_rates" in text]
    assert len(asked) == 2
