"""Ways to what customers, the catalogue, invoices and their numbers refuse."""

import datetime as dt
from typing import Any

from werkzeug.test import TestResponse

from tests.factories import Tenant, line
from tests.numbering.register import adopt, change
from tests.problems.scene import Scene, Way, asking, issued, with_line

ABSENT = "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"
CUSTOMERS, INVOICES, PRODUCTS, RATES = "/v1/customers", "/v1/invoices", "/v1/products", "/v1/tax-rates"
ARCHIVE = {"archived": True}


def taken(member: str, value: str, path: str = CUSTOMERS) -> Way:
    """Two objects of one name."""
    return lambda scene: [scene.tenant.post(path, {"name": "A", member: value, **PRICED[path]}) for _ in range(2)][-1]


PRICED: dict[str, dict[str, str]] = {CUSTOMERS: {}, PRODUCTS: {"unit_price": "1"}}


def anonymized(scene: Scene) -> TestResponse:
    path = scene.tenant.customer()["links"]["self"]
    assert scene.tenant.post(f"{path}/anonymize").status_code == 200
    return scene.tenant.patch(path, {"name": "Back"})


def has_drafts(scene: Scene) -> TestResponse:
    return scene.tenant.post(f"{CUSTOMERS}/{scene.tenant.draft()['customer_id']}/anonymize")


def customer_in_use(scene: Scene) -> TestResponse:
    return scene.tenant.delete(f"{CUSTOMERS}/{scene.tenant.draft()['customer_id']}")


def customer_archived(scene: Scene) -> TestResponse:
    return scene.tenant.post(INVOICES, scene.tenant.invoice_body(customer_id=scene.tenant.customer(**ARCHIVE)["id"]))


def product_in_use(scene: Scene) -> TestResponse:
    product = scene.tenant.product()
    scene.tenant.draft(lines=[line(product_id=product["id"])])
    return scene.tenant.delete(product["links"]["self"])


def rate_in_use(scene: Scene) -> TestResponse:
    rate = scene.tenant.tax_rate()
    scene.tenant.product(tax_rate_id=rate["id"])
    return scene.tenant.delete(rate["links"]["self"])


def product_line(scene: Scene, **members: Any) -> TestResponse:
    given = {**line(unit_price=None), "product_id": scene.tenant.product(**members)["id"]}
    return scene.tenant.post(f"{INVOICES}/preview", {"currency": "EUR", "lines": [given]})


def product_archived(scene: Scene) -> TestResponse:
    return product_line(scene, **ARCHIVE)


def product_of_another_currency(scene: Scene) -> TestResponse:
    return product_line(scene, currency="USD")


def product_with_tax(scene: Scene) -> TestResponse:
    return product_line(scene, prices_include_tax=True, tax_category="S", tax_rate="19")


def archived_rate(scene: Scene) -> TestResponse:
    rate = scene.tenant.tax_rate(**ARCHIVE)["id"]
    return scene.tenant.post(f"{INVOICES}/preview", {"lines": [line(tax_rate=None, tax_rate_id=rate)]})


def tax_of_another_day(scene: Scene) -> TestResponse:
    customer = scene.tenant.customer(tax_ids=[{"type": "eu_vat", "value": "FR40303265045"}])
    taken = {"product_id": scene.tenant.product(tax_rate="19")["id"], "quantity": "1"}
    draft = scene.tenant.draft(customer_id=customer["id"], lines=[taken])
    scene.tenant.patch(customer["links"]["self"], {"tax_treatment": "reverse_charge"})
    return scene.tenant.post(f"{draft['links']['self']}/finalize")


def changed_when_issued(scene: Scene) -> TestResponse:
    return scene.tenant.patch(issued(scene.tenant)[0], {"notes": "x"})


def not_ready(scene: Scene) -> TestResponse:
    return scene.tenant.post(f"{scene.tenant.draft(lines=[])['links']['self']}/finalize")


def void_as_they_please(scene: Scene) -> Tenant:
    tenant = scene.alone()
    assert tenant.patch("/v1/organization", {"cancellation_mode": "void"}).status_code == 200
    return tenant


def void_when_paid(scene: Scene) -> TestResponse:
    path, invoice = issued(scene.tenant)
    scene.tenant.payment(invoice, amount="1.00")
    return scene.tenant.post(f"{path}/void", {"reason": "x"})


def void_when_credited(scene: Scene) -> TestResponse:
    """By a note over parts that make up for each other, so that nothing is applied to the invoice."""
    lines = [line(), line(tax_category="Z", tax_rate="0"), line(tax_category="E", tax_rate="0", quantity="-2")]
    path, invoice = issued(scene.tenant, lines=lines)
    parts = [{"invoice_line_id": one["id"]} for one in invoice["lines"][1:]]
    scene.tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "x", "lines": parts})
    return scene.tenant.post(f"{path}/void", {"reason": "x"})


def void_when_sent(scene: Scene) -> TestResponse:
    path, _ = issued(scene.tenant)
    assert scene.tenant.post(f"{path}/mark-sent").status_code == 200
    return scene.tenant.post(f"{path}/void", {"reason": "x"})


def speaks_of_draft(scene: Scene) -> TestResponse:
    draft = scene.tenant.draft()
    named = [{"number": "1", "invoice_id": draft["id"]}]
    return scene.tenant.post(INVOICES, scene.tenant.invoice_body(customer_id=draft["customer_id"],
                                                                 preceding_invoices=named))  # fmt: skip


def dated(scene: Scene, *days: int) -> TestResponse:
    """Drafts that are issued so many days before today, one after the other."""
    tenant = scene.alone()
    dates = [str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=one)) for one in days]
    return [
        tenant.post(f"{tenant.draft()['links']['self']}/finalize", {"issue_date": date}) for date in dates
    ][-1]  # fmt: skip


def in_closed_books(scene: Scene) -> TestResponse:
    tenant = scene.alone()
    tenant.patch("/v1/organization", {"books_locked_until": "2026-01-31"})
    return tenant.post(f"{tenant.draft()['links']['self']}/finalize", {"issue_date": "2026-01-01"})


def series(**values: Any) -> Way:
    return lambda scene: change(scene.tenant, **values)


def series_in_use(scene: Scene) -> TestResponse:
    tenant = scene.alone()
    tenant.invoice()
    return change(tenant, next_value=1)


def number_taken(scene: Scene) -> TestResponse:
    """One that an invoice of another system has."""
    tenant = scene.alone()
    adopt(tenant, "R-2026-0002", "2026-02-01")
    return change(tenant, pattern="R-{YYYY}-{####}", start_value=2)


WAYS: dict[str, Way] = {
    "customer-anonymized": anonymized,
    "customer-archived": customer_archived,
    "customer-email-taken": taken("email", "taken@example.com"),
    "customer-external-id-taken": taken("external_id", "taken"),
    "customer-has-drafts": has_drafts,
    "customer-in-use": customer_in_use,
    "customer-not-found": asking("POST", INVOICES, {"customer_id": ABSENT, "lines": []}),
    "invalid-transition": changed_when_issued,
    "invoice-has-allocations": void_when_paid,
    "invoice-has-credit-notes": void_when_credited,
    "invoice-not-found": asking("POST", "/v1/credit-notes", {"invoice_id": ABSENT, "reason": "x"}),
    "invoice-not-issued": speaks_of_draft,
    "invoice-not-ready": not_ready,
    "issue-date-before-last-number": lambda scene: dated(scene, 1, 2),
    "issue-date-in-future": lambda scene: dated(scene, -9),
    "number-taken": number_taken,
    "number-too-long": lambda scene: change(scene.alone(), start_value=10**14),
    "pattern-character": series(pattern="Ünv{YYYY}{#}"),
    "pattern-counter": series(pattern="{YYYY}"),
    "pattern-needs-year": series(pattern="INV-{####}"),
    "pattern-of-other-series": series(pattern="CN-{YYYY}-{####}"),
    "pattern-token-unknown": series(pattern="{YYYY}-{DD}-{#}"),
    "pattern-too-long": series(pattern="much-too-long-{YYYY}-{####}"),
    "period-locked": in_closed_books,
    "product-archived": product_archived,
    "product-currency-mismatch": product_of_another_currency,
    "product-external-id-taken": taken("external_id", "taken", PRODUCTS),
    "product-in-use": product_in_use,
    "product-not-found": with_line(product_id=ABSENT),
    "product-price-mode-mismatch": product_with_tax,
    "series-in-use": series_in_use,
    "tax-out-of-date": tax_of_another_day,
    "tax-rate-archived": archived_rate,
    "tax-rate-in-use": rate_in_use,
    "tax-rate-not-found": with_line(tax_rate=None, tax_rate_id=ABSENT),
    "total-mismatch": asking("POST", f"{INVOICES}/preview", {"lines": [line()], "expected_total": "1.00"}),
    "void-not-permitted": void_when_sent,
}
