"""Requests that meet at one row, on the running service: two workers, threads and real commits."""

import functools
import http.client
import itertools
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from billing_api.postgres_cluster import connect
from tests import races
from tests.factories import Tenant, line, sign_up
from tests.live_service import LiveService
from tests.races import Ledger
from tests.service_processes import eventually

STRESS = bool(os.environ.get("STRESS"))
QUICK = 3


def finalize_all(live: LiveService, tenant: Tenant, ids: list[str], threads: int, kills: int) -> Counter[int]:
    """Finalize all, and kill a worker each time a further part is done; a client whose connection is cut asks again.

    Returns:
        How often each status was received.
    """
    queue, received, seen, lock = iter(ids), dict[str, str](), Counter[int](), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                id = next(queue, None)
            if id is None:
                return
            reply = live.insist("POST", f"/v1/invoices/{id}/finalize", None, tenant.headers)
            assert reply.status == 200, reply.content
            with lock:
                seen[reply.status] += 1
                received[id] = reply.json["number"]

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work) for _ in range(threads)]
        for kill in range(1, kills + 1):
            assert eventually(lambda kill=kill: len(received) >= len(ids) * kill // (kills + 1), 60)
            os.kill(min(live.workers()), signal.SIGKILL)
        for future in futures:
            future.result(120)
    held = {id: live.insist("GET", f"/v1/invoices/{id}", None, tenant.headers).json["number"] for id in ids}
    assert received == held, "every number that was received stands in the database"
    assert eventually(lambda: len(live.workers()) == 2)
    return seen


def test_numbers_have_no_gap_and_no_double_when_a_worker_is_killed(
    live: LiveService, tenant: Tenant, ledger: Ledger
) -> None:
    assert finalize_all(live, tenant, races.drafts(tenant, 40), threads=8, kills=1) == {200: 40}
    assert len(ledger.numbers()) == 40
    ledger.check()


@pytest.mark.slow
def test_sixteen_threads_finalize_four_hundred_drafts_while_workers_are_killed(
    live: LiveService, tenant: Tenant, ledger: Ledger
) -> None:
    ids = races.drafts(tenant, 400)
    began = time.perf_counter()
    kills = 5 if STRESS else 1
    assert finalize_all(live, tenant, ids, threads=16, kills=kills) == {200: 400}
    print(f"400 finalized by 16 threads in {time.perf_counter() - began:.1f} s, {kills} kills")
    assert len(ledger.numbers()) == 400
    ledger.check()


@pytest.mark.parametrize("rounds", [QUICK, pytest.param(50, marks=pytest.mark.slow)])
def test_one_idempotency_key_in_many_hands_makes_one_object(live: LiveService, tenant: Tenant, rounds: int) -> None:
    seen = sum((races.one_key(live.send, tenant, f"round-{n}") for n in range(rounds)), Counter[int]())
    print(f"{rounds} rounds of 32 with one key: {dict(seen)}")


def test_a_key_stands_for_one_request_whatever_the_order_of_its_members(live: LiveService, tenant: Tenant) -> None:
    headers = {**tenant.headers, "Idempotency-Key": "k"}
    first = live.send("POST", "/v1/customers", {"name": "A", "phone": "1"}, headers)
    again = live.send("POST", "/v1/customers", {"phone": "1", "name": "A"}, headers)
    assert (again.status, again.content) == (201, first.content)
    other = live.send("POST", "/v1/customers", {"name": "B"}, headers)
    elsewhere = live.send("POST", "/v1/invoices", {"name": "A", "phone": "1"}, headers)
    assert other.status == elsewhere.status == 422
    assert other.json["code"] == "idempotency-key-reused"


def test_a_key_in_two_organizations_makes_two_objects(live: LiveService, tenant: Tenant, other: Tenant) -> None:
    mine, theirs = (
        live.send("POST", "/v1/customers", {"name": "A"}, {**one.headers, "Idempotency-Key": "shared"})
        for one in (tenant, other)
    )
    assert mine.status == theirs.status == 201
    assert mine.json["id"] != theirs.json["id"]
    assert "Idempotency-Replayed" not in theirs.headers


@pytest.mark.parametrize("rounds", [QUICK, pytest.param(50, marks=pytest.mark.slow)])
def test_one_draft_finalized_by_sixteen_has_one_number(
    live: LiveService, tenant: Tenant, ledger: Ledger, rounds: int
) -> None:
    for n in range(rounds):
        races.finalize_one(live.send, tenant if n < 10 else sign_up(tenant.app))
    ledger.check()


@pytest.mark.parametrize("rounds", [QUICK, pytest.param(200, marks=pytest.mark.slow)])
def test_of_two_changes_of_one_version_one_is_made(live: LiveService, tenant: Tenant, rounds: int) -> None:
    for _ in range(rounds):
        races.edit_one_version(live.send, tenant)
        races.edit_one_draft_version(live.send, tenant)


@pytest.mark.parametrize("rounds", [QUICK, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "race", [races.finalize_against_edit, races.finalize_against_delete, races.delete_customer_against_create]
)
def test_of_two_deeds_that_exclude_each_other_every_answer_is_true(  # type: ignore[no-untyped-def]
    live: LiveService, tenant: Tenant, ledger: Ledger, race, rounds: int
) -> None:
    outcomes = Counter(race(live.send, tenant) for _ in range(rounds))
    print(f"{race.__name__}: {dict(outcomes)}")
    ledger.check()


@pytest.mark.parametrize("rounds", [QUICK, pytest.param(50, marks=pytest.mark.slow)])
def test_of_many_customers_with_one_name_the_first_has_it(live: LiveService, tenant: Tenant, rounds: int) -> None:
    for n in range(rounds):
        races.take_one_name(live.send, tenant, "email", f"Same-{n}@example.com")
        races.take_one_name(live.send, tenant, "external_id", f"X-{n}")
        races.upsert_one(live.send, tenant, f"U-{n}")
        races.upsert_against_delete(live.send, tenant, f"D-{n}")


@pytest.mark.parametrize("rounds", [QUICK, pytest.param(20, marks=pytest.mark.slow)])
def test_one_refresh_token_in_many_hands_has_one_successor(
    live: LiveService, app: Flask, addresses: Addresses, rounds: int
) -> None:
    for _ in range(rounds):
        races.refresh_one(live, addresses.owner, sign_up(app, is_ready=False))


@pytest.mark.parametrize("count", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_events_read_while_they_are_written_come_once_and_in_order(
    live: LiveService, tenant: Tenant, ledger: Ledger, count: int
) -> None:
    """Plant the flaw by numbering events from a sequence: a reader passes numbers that commit later."""
    numbers, is_done = itertools.count(), threading.Event()

    def write() -> None:
        while (n := next(numbers)) < count:
            reply = live.send("POST", "/v1/customers", {"name": f"Customer {n}"}, tenant.headers)
            assert reply.status == 201

    def read() -> list[int]:
        seen: list[int] = []
        while True:
            last = is_done.is_set()
            page = live.send("GET", f"/v1/events?after={seen[-1] if seen else 0}&limit=7", None, tenant.headers).json
            seen += [event["sequence"] for event in page["data"]]
            if last and not page["has_more"]:
                return seen

    with ThreadPoolExecutor(10) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for writer in [pool.submit(write) for _ in range(8)]:
            writer.result(60)
        is_done.set()
        found = [reader.result(60) for reader in readers]
    total = len(ledger.rows("SELECT 1 FROM events WHERE organization_id = %s"))
    assert total >= count
    assert found == [list(range(1, total + 1))] * 2
    ledger.check()


def test_books_are_not_closed_under_an_invoice_that_is_being_issued(
    live: LiveService, tenant: Tenant, addresses: Addresses
) -> None:
    """Plant the flaw by reading the organization without a lock: the books are closed, and then it is issued."""
    id = tenant.draft()["id"]
    finalize = functools.partial(live.send, "POST", f"/v1/invoices/{id}/finalize", None, tenant.headers)
    close = functools.partial(
        live.send, "PATCH", "/v1/organization", {"books_locked_until": "2999-01-01"}, tenant.headers
    )
    with closing(connect(addresses.owner)) as holder, holder.cursor() as cursor, ThreadPoolExecutor(2) as pool:
        holder.autocommit = False
        cursor.execute(
            "SELECT 1 FROM number_series WHERE organization_id = %s FOR UPDATE", [str(tenant.organization_id)]
        )
        issued = pool.submit(finalize)
        time.sleep(0.3)
        closed = pool.submit(close)
        time.sleep(0.3)
        holder.rollback()
        assert (issued.result(30).status, closed.result(30).status) == (200, 200)
    types = [event["type"] for event in tenant.get("/v1/events?limit=100").json["data"]]
    assert types[-2:] == ["invoice.finalized", "organization.updated"]


@pytest.mark.parametrize("seconds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_a_reader_sees_every_document_as_it_stood_at_one_moment(
    live: LiveService, tenant: Tenant, seconds: float
) -> None:
    """Plant the flaw by reading in autocommit: sums stand over the lines of another version."""
    id = tenant.draft()["id"]
    prices = [["50.00"], ["150.00", "200.00"], ["1.00"] * 9]
    deadline = time.monotonic() + seconds

    def write() -> None:
        for shape in itertools.cycle(prices):
            lines = [line(quantity="1", unit_price=price) for price in shape]
            assert live.send("PATCH", f"/v1/invoices/{id}", {"lines": lines}, tenant.headers).status == 200
            if time.monotonic() > deadline:
                return

    def read(path: str) -> int:
        count = 0
        while time.monotonic() < deadline:
            reply = live.send("GET", path, None, tenant.headers)
            assert reply.status == 200
            count += 1
            for shown in reply.json.get("data", [reply.json]):
                assert sum(Decimal(line["net"]) for line in shown["lines"]) == Decimal(shown["subtotal"])
                assert sum(Decimal(group["taxable_amount"]) for group in shown["tax_breakdown"]) == Decimal(
                    shown["subtotal"]
                )
        return count

    with ThreadPoolExecutor(5) as pool:
        writer = pool.submit(write)
        paths = [f"/v1/invoices/{id}", "/v1/invoices", "/v1/invoices?include=customer&include_total=true"]
        reads = [reader.result(60) for reader in [pool.submit(read, path) for path in paths]]
        writer.result(60)
    assert min(reads) > 0


def test_a_dead_workers_request_leaves_its_key_free(live: LiveService, tenant: Tenant) -> None:
    """A worker is killed again and again under requests with keys; each key ends with one object, at once."""
    headers = [{**tenant.headers, "Idempotency-Key": f"key-{n}"} for n in range(40)]

    def post(given: dict[str, str]) -> str:
        while True:
            reply = live.insist("POST", "/v1/customers", {"name": given["Idempotency-Key"]}, given)
            if reply.status != 409:
                assert reply.status == 201
                return str(reply.json["id"])

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(post, given) for given in headers]
        for _ in range(2):
            time.sleep(0.15)
            os.kill(min(live.workers()), signal.SIGKILL)
        ids = [future.result(60) for future in futures]
    assert len(set(ids)) == 40
    listed = tenant.get("/v1/customers?limit=100").json["data"]
    assert {one["id"] for one in listed} == set(ids)
    assert eventually(lambda: len(live.workers()) == 2)


def test_the_client_of_these_tests_sees_when_it_is_cut_off(live: LiveService) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        LiveService(live.process, 1, live.log).send("GET", "/health/live")
