"""Many objects in one request: what is refused leaves nothing behind, and what is taken stands."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from billing_api.web.json import MAX_VALUES
from tests.events import reading
from tests.factories import Tenant, line
from tests.races import Ledger
from tests.statements import recorded
from tests.web.refusals import codes, refused

CUSTOMERS, INVOICES = "/v1/customers/bulk", "/v1/invoices/bulk"


def named(*names: str, **values: Any) -> list[dict[str, Any]]:
    return [{"name": name, "email": f"{name}@example.com", **values} for name in names]


def send(tenant: Tenant, path: str, items: list[Any], **headers: str) -> TestResponse:
    return tenant.post(path, {"items": items}, **headers)


def statuses(answer: TestResponse) -> list[int]:
    assert answer.status_code == 200, answer.text
    results = answer.json["results"]
    assert [one["index"] for one in results] == list(range(len(results)))
    assert answer.json["succeeded"] == sum(one["status"] == 201 for one in results)
    assert answer.json["failed"] == sum(one["status"] != 201 for one in results)
    return [one["status"] for one in results]


def listed(tenant: Tenant) -> list[str]:
    return [one["name"] for one in tenant.get("/v1/customers?sort=name&limit=100").json["data"]]


def events(tenant: Tenant, kind: str) -> list[str]:
    found = reading.events(tenant)
    assert [one["sequence"] for one in found] == list(range(1, len(found) + 1))
    return [one["object"]["id"] for one in found if one["type"] == kind]


def test_each_item_is_taken_or_refused_by_itself(tenant: Tenant) -> None:
    answer = send(tenant, CUSTOMERS, [*named("a", "b"), {"name": ""}, 7, *named("B", "c"), {"nome": "d", "name": "d"}])
    assert statuses(answer) == [201, 201, 422, 422, 409, 201, 422]
    assert listed(tenant) == ["a", "b", "c"]
    made = [one["id"] for one in answer.json["results"] if one["status"] == 201]
    assert events(tenant, "customer.created") == made
    assert [tenant.get(f"/v1/customers/{id}").json["name"] for id in made] == ["a", "b", "c"]


@pytest.mark.parametrize("item", [{"name": ""}, {"name": "x", "email": "A@example.com"}, {"nome": 1, "phone": 2}])
def test_a_refused_item_is_told_what_a_request_of_its_own_would_be(tenant: Tenant, item: dict[str, Any]) -> None:
    send(tenant, CUSTOMERS, named("a"))
    alone = tenant.post("/v1/customers", item).json
    among = send(tenant, CUSTOMERS, [item]).json["results"][0]
    differing = {"instance", "request_id"}
    assert among["status"] == alone["status"]
    assert {**among["problem"], **{name: alone[name] for name in differing}} == alone
    assert among["problem"]["instance"] == CUSTOMERS


def test_of_many_the_refused_ones_are_found(tenant: Tenant) -> None:
    names = [f"c{n:03}" for n in range(230)]
    taken = {0, 57, 99, 100, 229}
    send(tenant, CUSTOMERS, [{"name": "x", "external_id": names[n]} for n in sorted(taken)])
    answer = send(tenant, CUSTOMERS, [{"name": name, "external_id": name} for name in names])
    assert {n for n, status in enumerate(statuses(answer)) if status == 409} == taken
    assert len(events(tenant, "customer.created")) == 230


def test_a_refused_invoice_takes_no_number_and_leaves_no_entry(tenant: Tenant, ledger: Ledger) -> None:
    customer = tenant.customer()["id"]
    good: dict[str, Any] = {"customer_id": customer, "lines": [line()], "finalize": True}
    items = [good, {**good, "lines": []}, {**good, "issue_date": "2999-01-01"}, good, {**good, "finalize": False}, good]
    answer = send(tenant, INVOICES, items)
    assert statuses(answer) == [201, 422, 422, 201, 201, 201]
    made = [tenant.get(f"/v1/invoices/{one['id']}").json for one in answer.json["results"] if "id" in one]
    assert [invoice["status"] for invoice in made] == ["open", "open", "draft", "open"]
    numbers = [invoice["number"] for invoice in made if invoice["number"]]
    assert [int(number[-4:]) for number in numbers] == [1, 2, 3]
    assert events(tenant, "invoice.created") == [invoice["id"] for invoice in made]
    assert len(events(tenant, "invoice.finalized")) == len(tenant.get("/v1/ledger/entries").json["data"]) == 3
    assert tenant.get("/v1/invoices?include_total=true").json["total_count"] == 4
    ledger.check()


def test_all_or_nothing_refuses_all_for_one_and_names_every_fault(tenant: Tenant) -> None:
    items = [*named("a"), {"name": ""}, {**named("c")[0], "phone": 7}]
    answer = tenant.post(f"{CUSTOMERS}?atomic=true", {"items": items})
    refused(answer, 422, "validation-failed")
    assert codes(answer) == {("/items/1/name", "wrong-length"), ("/items/2/phone", "not-a-string")}
    assert listed(tenant) == events(tenant, "customer.created") == []


def test_all_or_nothing_names_the_conflict(tenant: Tenant) -> None:
    send(tenant, CUSTOMERS, named("b"))
    answer = tenant.post(f"{CUSTOMERS}?atomic=true", {"items": named("a", "b", "c", "b")})
    refused(answer, 409, "customer-email-taken")
    assert codes(answer) == {(f"/items/{n}/email", "customer-email-taken") for n in (1, 3)}
    assert listed(tenant) == ["b"]
    mixed = tenant.post(f"{CUSTOMERS}?atomic=true", {"items": [*named("b"), {"name": ""}]})
    refused(mixed, 422, "validation-failed")
    assert codes(mixed) == {("/items/0/email", "customer-email-taken"), ("/items/1/name", "wrong-length")}


def test_all_or_nothing_names_the_item_of_a_refusal_without_a_place(tenant: Tenant) -> None:
    tenant.patch("/v1/organization", {"books_locked_until": "2999-12-31"})
    good = {"customer_id": tenant.customer()["id"], "lines": [line()]}
    answer = tenant.post(f"{INVOICES}?atomic=true", {"items": [good, {**good, "finalize": True}]})
    refused(answer, 409, "period-locked")
    assert codes(answer) == {("/items/1", "period-locked")}
    assert tenant.get("/v1/invoices").json["data"] == []


def test_all_or_nothing_takes_all(tenant: Tenant) -> None:
    answer = tenant.post(f"{CUSTOMERS}?atomic=true", {"items": named("a", "b")})
    assert statuses(answer) == [201, 201]
    assert listed(tenant) == ["a", "b"]


@pytest.mark.parametrize("count", [0, 1001])
def test_one_to_a_thousand_items_belong_in_a_bulk(tenant: Tenant, count: int) -> None:
    answer = send(tenant, CUSTOMERS, [{"name": "x"}] * count)
    refused(answer, 422, "wrong-number-of-items")
    assert codes(answer) == {("/items", "wrong-number-of-items")}


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": {}}, {"items": [], "atomic": True}])
def test_a_body_that_is_no_bulk_is_refused_as_a_whole(tenant: Tenant, body: dict[str, Any]) -> None:
    refused(tenant.post(CUSTOMERS, body), 422)


def test_a_bulk_is_tried_without_keeping_anything(tenant: Tenant) -> None:
    good = {"customer_id": tenant.customer()["id"], "lines": [line()], "finalize": True}
    answer = tenant.post(f"{INVOICES}?dry_run=true", {"items": [good, {**good, "lines": []}, good]})
    assert statuses(answer) == [201, 422, 201]
    assert answer.headers["Dry-Run"] == "true"
    assert tenant.get("/v1/invoices").json["data"] == []
    assert tenant.invoice()["number"].endswith("-0001")


def test_a_bulk_under_a_key_is_done_once(tenant: Tenant) -> None:
    items = [*named("a"), {"name": ""}]
    first, again = (send(tenant, CUSTOMERS, items, Idempotency_Key="k") for _ in range(2))
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "ETag" not in again.headers
    assert listed(tenant) == ["a"]
    refused(send(tenant, CUSTOMERS, named("b"), Idempotency_Key="k"), 422, "idempotency-key-reused")


def test_a_bulk_may_have_sixteen_mebibytes_and_nothing_else_more_than_one(tenant: Tenant) -> None:
    def padded(size: int) -> str:
        text = '{"items": [{"name": "x"}]}'
        return text + " " * (size - len(text))

    assert tenant.post_text(CUSTOMERS, padded(16 * 2**20)).status_code == 200
    assert "16 MiB" in refused(tenant.post_text(CUSTOMERS, padded(16 * 2**20 + 1)), 413)["detail"]
    assert "1 MiB" in refused(tenant.post_text("/v1/customers", padded(2**20 + 1)), 413)["detail"]


def test_a_bulk_of_countless_values_is_not_even_read(tenant: Tenant) -> None:
    answer = tenant.post_text(CUSTOMERS, '{"items": [' + "[]," * (MAX_VALUES // 2) + "[]]}")
    assert "commas" in refused(answer, 400, "malformed-request")["detail"]


def test_a_hundred_customers_cost_no_more_statements_than_ten(tenant: Tenant) -> None:
    """Plant the flaw by an insert that leaves nulls out: it begins anew wherever a row has other members."""
    some = [{"name": "x"}, {"name": "x", "phone": "1"}]
    with recorded(tenant.app) as few:
        assert statuses(send(tenant, CUSTOMERS, some * 5)) == [201] * 10
    with recorded(tenant.app) as many:
        send(tenant, CUSTOMERS, some * 50)
    assert len(few) == len(many)


def test_the_facts_of_a_bulk_get_their_numbers_at_its_end_and_not_item_by_item(tenant: Tenant) -> None:
    """Otherwise everybody in the organization would wait for the first item's until the last one's."""
    good = {"customer_id": tenant.customer()["id"], "lines": [line()]}
    with recorded(tenant.app) as seen:
        assert statuses(send(tenant, INVOICES, [good] * 3)) == [201] * 3
    places = [n for n, (statement, _) in enumerate(seen) if "UPDATE event_counters" in statement]
    savepoints = [n for n, (statement, _) in enumerate(seen) if "SAVEPOINT" in statement]
    assert len(places) == 1
    assert places[0] > max(savepoints)


def test_faults_without_end_are_told_up_to_a_limit(tenant: Tenant) -> None:
    item = {f"m{n}": n for n in range(900)}
    results = send(tenant, CUSTOMERS, [item] * 30).json["results"]
    told = [len(one["problem"]["errors"]) for one in results]
    assert min(told) == 1
    assert 10_000 <= sum(told) <= 10_030


def test_two_bulks_that_cross_each_other_end_with_each_customer_once(tenant: Tenant) -> None:
    items = named(*(f"c{n}" for n in range(60)))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda given: send(tenant, CUSTOMERS, given), [items, items[::-1]]))
    assert sum(statuses(answer).count(201) for answer in answers) == 60
    assert sorted(listed(tenant)) == sorted(item["name"] for item in items)
