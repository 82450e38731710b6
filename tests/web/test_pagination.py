"""Pages: each row once, whatever is written meanwhile; and a cursor that is good for the one list that gave it."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from billing_api.web import pagination
from tests.factories import Tenant
from tests.live_service import LiveService, together
from tests.web.refusals import codes, refused

CUSTOMERS = "/v1/customers"


@pytest.fixture
def seven(tenant: Tenant) -> list[str]:
    """Seven customers, the first made first; some share a name."""
    return [tenant.customer(name=name, email=f"{n}@example.com")["id"] for n, name in enumerate("cabacbb")]


def page(tenant: Tenant, query: str) -> dict[str, Any]:
    answer = tenant.get(f"{CUSTOMERS}?{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json
    return body


def pages(tenant: Tenant, path: str) -> Iterator[TestResponse]:
    """All pages, following the Link header alone."""
    while path:
        answer = tenant.get(path)
        assert answer.status_code == 200, answer.text
        yield answer
        link = answer.headers.get("Link", "")
        assert (link != "") == answer.json["has_more"] == (answer.json["next_cursor"] is not None)
        path = link.removeprefix("<").removesuffix('>; rel="next"')


def ids(answers: Iterator[TestResponse]) -> list[str]:
    return [item["id"] for answer in answers for item in answer.json["data"]]


def is_refused(tenant: Tenant, query: str, path: str = CUSTOMERS) -> None:
    answer = tenant.get(f"{path}?{query}")
    refused(answer, 400, "cursor-malformed")
    assert codes(answer) == {("cursor", "cursor-malformed")}


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"])
def test_pages_of_any_size_hold_each_row_once_and_in_order(tenant: Tenant, seven: list[str], sort: str) -> None:
    whole = page(tenant, f"sort={sort}")["data"]
    assert sorted(item["id"] for item in whole) == sorted(seven)
    for limit in (1, 2, 3, 6, 7, 8, 100):
        answers = list(pages(tenant, f"{CUSTOMERS}?sort={sort}&limit={limit}"))
        assert [len(answer.json["data"]) for answer in answers[:-1]] == [limit] * (len(answers) - 1)
        assert len(answers) == -(-7 // limit)
        assert [item for answer in answers for item in answer.json["data"]] == whole
    if sort == "created_at":
        assert [item["id"] for item in whole] == seven
    if sort.endswith("name"):
        names = [item["name"] for item in whole]
        assert names == sorted(names, reverse=sort.startswith("-"))


def test_an_empty_list_is_a_page(tenant: Tenant) -> None:
    assert page(tenant, "") == {"data": [], "has_more": False, "next_cursor": None}
    assert page(tenant, "include_total=true")["total_count"] == 0


def test_a_page_has_fifty_items_unless_another_number_is_asked_for(tenant: Tenant) -> None:
    for _ in range(51):
        tenant.customer()
    first = page(tenant, "")
    assert (len(first["data"]), first["has_more"]) == (50, True)
    assert len(page(tenant, f"cursor={first['next_cursor']}")["data"]) == 1
    assert len(page(tenant, "limit=100")["data"]) == 51


def test_the_link_keeps_filters_and_order_and_replaces_the_cursor(tenant: Tenant, seven: list[str]) -> None:
    query = "archived=any&sort=name&limit=2&include_total=true&updated_since=2020-01-01T00:00:00%2B01:00"
    for answer in list(pages(tenant, f"{CUSTOMERS}?{query}"))[:-1]:
        target = urlsplit(answer.headers["Link"].partition(">")[0][1:])
        assert (target.scheme, target.netloc, target.path) == ("", "", CUSTOMERS)
        asked = parse_qs(target.query)
        assert asked.pop("cursor") == [answer.json["next_cursor"]]
        assert asked == parse_qs(query)
        assert answer.json["total_count"] == 7


def test_the_size_of_a_page_may_change_on_the_way(tenant: Tenant, seven: list[str]) -> None:
    first = page(tenant, "limit=2&sort=name")
    rest = page(tenant, f"limit=5&sort=name&cursor={first['next_cursor']}&include_total=true")
    assert sorted(item["id"] for item in first["data"] + rest["data"]) == sorted(seven)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name"])
def test_rows_that_were_there_are_met_once_while_others_come_change_and_go(
    tenant: Tenant, seven: list[str], sort: str
) -> None:
    """Between any two pages: one more at each end, one that is changed, and one already seen that is deleted."""
    met: list[str] = []
    for answer in pages(tenant, f"{CUSTOMERS}?sort={sort}&limit=2"):
        met += [item["id"] for item in answer.json["data"]]
        tenant.customer(name="a")
        tenant.customer(name="zz")
        for id in seven:
            assert tenant.patch(f"{CUSTOMERS}/{id}", {"phone": str(len(met))}).status_code in {200, 404}
        if met[0] in seven:
            tenant.delete(f"{CUSTOMERS}/{met[0]}")
        assert len(met) < 60
        if set(seven) <= set(met):
            break
    assert len(met) == len(set(met))
    assert set(seven) <= set(met)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name"])
def test_old_rows_are_met_once_while_sixteen_others_insert(live: LiveService, tenant: Tenant, sort: str) -> None:
    """Plant the flaw by paging with OFFSET instead of the key."""
    old = {tenant.customer(name=f"{n % 7}")["id"] for n in range(30)}

    def insert() -> list[str]:
        # Few, or they would come faster than pages are read, and a walk by name would have no end.
        added = [live.send("POST", CUSTOMERS, {"name": str(n % 9)}, tenant.headers) for n in range(8)]
        return [answer.json["id"] for answer in added]

    def walk() -> list[str]:
        met: list[str] = []
        path = f"{CUSTOMERS}?sort={sort}&limit=3"
        while path:
            answer = live.send("GET", path, None, tenant.headers)
            assert answer.status == 200, answer.content
            met += [item["id"] for item in answer.json["data"]]
            path = answer.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
        return met

    met, *_ = together([walk, *[insert] * 16])
    assert len(met) == len(set(met))
    assert old <= set(met)


def test_a_page_goes_on_behind_a_row_that_has_gone(tenant: Tenant, seven: list[str]) -> None:
    first = page(tenant, "sort=created_at&limit=3")
    assert tenant.delete(f"{CUSTOMERS}/{seven[2]}").status_code == 204
    rest = page(tenant, f"sort=created_at&cursor={first['next_cursor']}")
    assert [item["id"] for item in rest["data"]] == seven[3:]


def test_a_cursor_is_good_for_the_list_filters_and_order_that_gave_it(tenant: Tenant, seven: list[str]) -> None:
    for _ in range(2):
        tenant.invoice()
    cursor = page(tenant, "limit=1&sort=name")["next_cursor"]
    assert page(tenant, f"limit=1&sort=name&cursor={cursor}")["data"]
    for query in ("", "sort=-name", "sort=created_at", "sort=name&archived=any", "sort=name&email=1%40example.com"):
        is_refused(tenant, f"{query}&cursor={cursor}")
    is_refused(tenant, f"cursor={cursor}", "/v1/invoices")


def test_a_default_that_is_written_out_is_the_same_list(tenant: Tenant, seven: list[str]) -> None:
    cursor = page(tenant, "limit=1")["next_cursor"]
    assert page(tenant, f"sort=-created_at&archived=false&cursor={cursor}")["data"]
    cursor = page(tenant, "limit=1&archived=false&sort=-created_at")["next_cursor"]
    assert page(tenant, f"cursor={cursor}")["data"]


def test_a_cursor_is_of_no_use_to_another_organization_and_good_for_a_colleague(
    tenant: Tenant, other: Tenant, seven: list[str]
) -> None:
    other.customer()
    cursor = page(tenant, "limit=1")["next_cursor"]
    is_refused(other, f"cursor={cursor}")
    assert page(tenant.colleague("viewer"), f"cursor={cursor}")["data"]


def test_a_changed_cursor_is_refused(tenant: Tenant, seven: list[str]) -> None:
    cursor = page(tenant, "limit=1&sort=name")["next_cursor"]
    payload, _, signature = cursor.rpartition(".")
    forged = base64.urlsafe_b64encode(json.dumps(["a", seven[0], "0" * 16]).encode()).rstrip(b"=").decode()
    changed = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(0, len(cursor) - 1, 7)]
    cut = [cursor[:n] for n in (1, len(payload), len(payload) + 1, len(cursor) - 1)]
    odd = [
        payload,
        f".{signature}",
        f"{payload}.",
        ".",
        "..",
        f"{forged}.{signature}",
        cursor * 2,
        f"{cursor}.{cursor}",
        "e30",
        "AAAA.AAAA",
    ]
    for wrong in (*changed, *cut, *odd):
        is_refused(tenant, f"limit=1&sort=name&cursor={wrong}")


def test_what_is_no_cursor_at_all_is_refused(tenant: Tenant) -> None:
    for wrong in ("%00", "%ff"):
        refused(tenant.get(f"{CUSTOMERS}?cursor={wrong}"), 400)
    for wrong in ("%20", "a" * 2049, ""):
        answer = tenant.get(f"{CUSTOMERS}?cursor={wrong}")
        assert {place for place, _ in codes(answer)} == {"cursor"}
        refused(answer, 400)
    for wrong in ("null", "0", "%E2%82%AC", "a/b", "a+b", "a" * 2048):
        is_refused(tenant, f"cursor={wrong}")


@pytest.mark.parametrize("name", ["\U0001f600", "\ufffe", "a\"b'c\\d", "x\u00a0\u3000x", "e\u0301", "%_", "\u200b."])
def test_a_cursor_goes_on_behind_any_name(tenant: Tenant, name: str) -> None:
    made = {tenant.customer(name=name + suffix)["id"] for suffix in ("", "", "x")}
    for sort in ("name", "-name"):
        assert set(ids(pages(tenant, f"{CUSTOMERS}?sort={sort}&limit=1"))) == made


def test_a_long_name_still_makes_a_cursor_that_is_taken(tenant: Tenant) -> None:
    for _ in range(3):
        tenant.customer(name="\U0001f600" * 255)
    assert len(ids(pages(tenant, f"{CUSTOMERS}?sort=name&limit=1"))) == 3


def test_events_come_in_pages_too(tenant: Tenant, seven: list[str]) -> None:
    everything = tenant.get("/v1/events?limit=100").json["data"]
    answers = list(pages(tenant, "/v1/events?limit=2"))
    assert [event for answer in answers for event in answer.json["data"]] == everything
    assert len(answers) > 3


def test_the_statement_of_a_page_is_made_once_for_all_tenants_and_all_cursors(
    tenant: Tenant, other: Tenant, seven: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    compiled = pagination.compiled
    monkeypatch.setattr(pagination, "_statements", {})
    monkeypatch.setattr(
        pagination, "compiled", lambda *args, **kwargs: made.append(compiled(*args, **kwargs)) or made[-1]
    )

    theirs = other.customer(name="Theirs")["id"]
    found = [item["id"] for answer in pages(tenant, f"{CUSTOMERS}?limit=2&sort=name") for item in answer.json["data"]]

    assert sorted(found) == sorted(seven)
    assert len(made) == 2, "one for the first page, one for all behind a cursor"
    assert [item["id"] for item in page(other, "limit=2&sort=name")["data"]] == [theirs]
    assert len(made) == 2
