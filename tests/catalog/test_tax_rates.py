"""Tax rates: made, changed while nothing uses them, archived, and deleted while nothing uses them."""

from typing import Any

import pytest

from tests.events.reading import events, facts, last
from tests.factories import Tenant, created, line
from tests.web.refusals import codes, refused

RATES = "/v1/tax-rates"
COMBINED = {
    "name": "Sales tax",
    "rate": "8.25",
    "components": [{"name": "State", "rate": "6.25"}, {"name": "County", "rate": "1"}, {"name": "City", "rate": "1"}],
}
SHOWN = {"id", "created_at", "updated_at", "version", "links"}


def members(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in SHOWN}


def path(rate: dict[str, Any]) -> str:
    return f"{RATES}/{rate['id']}"


def test_a_rate_is_kept_as_it_counts(tenant: Tenant) -> None:
    answer = tenant.post(RATES, {"name": "VAT", "rate": "19.00"})
    rate = created(answer)
    assert answer.headers["Location"] == rate["links"]["self"] == path(rate)
    assert answer.headers["ETag"] == '"1"'
    assert members(rate) == {
        "name": "VAT", "category": "S", "rate": "19", "components": [], "exemption_reason": None,
        "exemption_reason_code": None, "metadata": {}, "archived": False,
    }  # fmt: skip
    assert tenant.get(path(rate)).json == rate
    (fact,) = [one for one in events(tenant) if one["type"] == "tax_rate.created"]
    assert fact["links"]["object"] == path(rate)


def test_components_and_metadata_come_back(tenant: Tenant) -> None:
    rate = created(tenant.post(RATES, {**COMBINED, "metadata": {"a": "1"}}))
    assert rate["components"] == COMBINED["components"]
    assert rate["metadata"] == {"a": "1"}


@pytest.mark.parametrize(
    ("category", "rate"), [("Z", "0"), ("E", "0"), ("AE", "0"), ("K", "0"), ("G", "0"), ("O", None)]
)
def test_a_category_that_is_not_taxed_knows_its_rate(tenant: Tenant, category: str, rate: str | None) -> None:
    assert created(tenant.post(RATES, {"name": "x", "category": category}))["rate"] == rate


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {("/name", "required")}),
        ({"name": "x"}, {("/rate", "tax-rate-required")}),
        ({"name": "x", "rate": "0"}, {("/rate", "tax-rate-not-allowed")}),
        ({"name": "x", "category": "E", "rate": "19"}, {("/rate", "tax-rate-not-allowed")}),
        ({"name": "x", "category": "O", "rate": "0"}, {("/rate", "tax-rate-not-allowed")}),
        ({"name": "x", "category": "X"}, {("/category", "not-a-choice")}),
        ({"name": "x", "rate": "1000.1"}, {("/rate", "out-of-range")}),
        ({"name": "x", "rate": "1.00001"}, {("/rate", "too-many-decimals")}),
        ({**COMBINED, "rate": "8.26"}, {("/components", "components-mismatch")}),
        ({**COMBINED, "components": [{"name": "State"}]}, {("/components/0/rate", "required")}),
        ({**COMBINED, "components": [{"name": "x", "rate": "1"}] * 21}, {("/components", "wrong-number-of-items")}),
        (
            {"name": "x", "rate": "19", "exemption_reason": "x", "exemption_reason_code": "y"},
            {("/exemption_reason", "exemption-not-allowed"), ("/exemption_reason_code", "exemption-not-allowed")},
        ),
        ({"name": "x", "category": "Z", "exemption_reason": "x"}, {("/exemption_reason", "exemption-not-allowed")}),
    ],
)
def test_what_is_no_tax_is_refused_with_its_place(tenant: Tenant, body: Any, faults: set[tuple[str, str]]) -> None:
    answer = tenant.post(RATES, body)
    refused(answer, 422)
    assert codes(answer) == faults
    assert tenant.get(RATES).json["data"] == []


def test_a_rate_that_nothing_uses_can_change_wholly(tenant: Tenant) -> None:
    rate = tenant.tax_rate()
    changed = tenant.patch(path(rate), {**COMBINED, "metadata": {"a": "1"}})
    assert (changed.status_code, changed.json["rate"], changed.json["version"]) == (200, "8.25", 2)
    seen = last(tenant)
    replaced = tenant.put(path(rate), {"name": "Teaching", "category": "E", "exemption_reason": "Teaching"})
    assert (replaced.json["rate"], replaced.json["components"], replaced.json["metadata"]) == ("0", [], {})
    fact = facts(events(tenant, seen))[0]
    assert (fact[0], set(fact[1])) == (
        "tax_rate.updated", {"name", "category", "rate", "components", "exemption_reason", "metadata"}
    )  # fmt: skip
    seen = last(tenant)
    assert tenant.patch(path(rate), {"name": "Teaching"}).json["version"] == replaced.json["version"]
    assert events(tenant, seen) == [], "what changes nothing is no fact"


@pytest.mark.parametrize("user", ["product", "line", "list", "through a product"])
def test_what_is_used_keeps_its_figures_and_cannot_be_deleted(tenant: Tenant, user: str) -> None:
    rate = created(tenant.post(RATES, COMBINED))
    named: dict[str, Any] = {"description": "x", "quantity": "1", "unit_price": "1"}
    if "product" in user:
        product = tenant.product(tax_rate_id=rate["id"])
    if user == "through a product":
        tenant.draft(lines=[{**named, "product_id": product["id"]}])
        tenant.patch(product["links"]["self"], {"tax_rate_id": None})
    elif user != "product":
        one = {"tax_rate_id": rate["id"]}
        tenant.draft(lines=[{**named, **({"taxes": [one]} if user == "list" else one)}])
    for change, fixed in (
        ({"rate": "8.5", "components": []}, {"/rate", "/components"}),
        ({"category": "L"}, {"/category"}),
        ({"components": [{"name": "One", "rate": "8.25"}]}, {"/components"}),
    ):
        answer = tenant.patch(path(rate), change)
        refused(answer, 409, "tax-rate-in-use")
        assert codes(answer) == {(pointer, "tax-rate-in-use") for pointer in fixed}
    refused(tenant.delete(path(rate)), 409, "tax-rate-in-use")
    assert tenant.get(path(rate)).json == rate
    free = tenant.patch(path(rate), {"name": "Old", "archived": True, "metadata": {"a": "1"}})
    assert (free.status_code, free.json["name"], free.json["archived"]) == (200, "Old", True)


def test_a_rate_is_free_again_when_its_last_user_has_gone(tenant: Tenant) -> None:
    rate = tenant.tax_rate()
    draft = tenant.draft(lines=[{"description": "x", "quantity": "1", "unit_price": "1", "tax_rate_id": rate["id"]}])
    assert tenant.delete(draft["links"]["self"]).status_code == 204
    assert tenant.patch(path(rate), {"rate": "20"}).json["rate"] == "20"
    assert tenant.delete(path(rate)).status_code == 204
    refused(tenant.get(path(rate)), 404)
    assert facts(events(tenant))[-1][0] == "tax_rate.deleted"


def test_lists_hide_what_is_archived_and_sort_by_name(tenant: Tenant) -> None:
    names = ["b", "a", "c"]
    rates = {name: tenant.tax_rate(name=name) for name in names}
    tenant.patch(path(rates["c"]), {"archived": True})

    def listed(query: str) -> list[str]:
        return [one["name"] for one in tenant.get(f"{RATES}?{query}").json["data"]]

    assert listed("sort=name") == ["a", "b"]
    assert listed("sort=-name&archived=any") == ["c", "b", "a"]
    assert listed("archived=true") == ["c"]
    assert listed("") == ["a", "b"]
    assert listed(f"archived=any&sort=created_at&updated_since={rates['a']['updated_at']}") == ["a", "c"]
    page = tenant.get(f"{RATES}?sort=name&limit=1&include_total=true").json
    assert (page["has_more"], page["total_count"]) == (True, 2)
    assert listed(f"sort=name&limit=1&cursor={page['next_cursor']}") == ["b"]


def test_versions_and_dry_runs_and_keys_work_as_everywhere(tenant: Tenant) -> None:
    rate = tenant.tax_rate()
    refused(tenant.patch(path(rate), {"name": "x"}, If_Match='"7"'), 412)
    tried = tenant.patch(f"{path(rate)}?dry_run=true", {"name": "x"}, If_Match='"1"')
    assert (tried.json["name"], tried.headers["Dry-Run"]) == ("x", "true")
    assert tenant.get(path(rate)).json == rate
    first, second = (tenant.post(RATES, {"name": "Once", "rate": "7"}, Idempotency_Key="k") for _ in range(2))
    assert (first.json, second.headers["Idempotency-Replayed"]) == (second.json, "true")


def test_an_issued_invoice_keeps_the_name_under_which_it_was_taxed(tenant: Tenant) -> None:
    rate = tenant.tax_rate(name="VAT 19 %")
    issued = tenant.invoice(lines=[line(tax_rate=None, tax_rate_id=rate["id"])])
    tenant.patch(path(rate), {"name": "Other"})
    shown = tenant.get(issued["links"]["self"]).json
    assert shown["tax_breakdown"] == issued["tax_breakdown"]
    assert (shown["tax_breakdown"][0]["name"], shown["lines"][0]["tax_rate_id"]) == ("VAT 19 %", rate["id"])
