"""Many at once take numbers from several series: each stays contiguous, whoever gives up on the way."""

import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from uuid_utils.compat import uuid7

from billing_api.database import enter, transaction
from billing_api.embedded import Addresses
from billing_api.numbering import service
from billing_api.numbering.register import NumberTaken
from tests.factories import Tenant
from tests.numbering.register import ZONE, adopt, audit, change, series, take
from tests.races import Ledger
from tests.spoilt import spoil
from tests.web.refusals import refused

THREADS = 16
ROUNDS = 20 if os.environ.get("STRESS") else 5


class GaveUp(Exception):
    """What happens after a number was taken, and undoes it."""


def take_many(tenant: Tenant, seed: int) -> Counter[str]:
    """Numbers of both series, of which every third is given back; how many were kept of each."""
    choice, kept = random.Random(seed), Counter[str]()
    with tenant.app.app_context():
        for _ in range(ROUNDS):
            document_type = choice.choice(("invoice", "credit_note"))
            try:
                with transaction():
                    enter(tenant.organization_id)
                    service.take(document_type, None, ZONE, uuid7())
                    if choice.random() < 1 / 3:
                        raise GaveUp
            except GaveUp:
                continue
            kept[document_type] += 1
    return kept


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_sixteen_threads_over_two_series_leave_no_gap_and_no_double(
    tenant: Tenant, addresses: Addresses, rounds: int
) -> None:
    spoil(tenant)
    kept = Counter[str]()
    for round in range(rounds):
        # The pool has eight connections, and who waits for one waits three seconds.
        with ThreadPoolExecutor(THREADS) as pool:
            kept += sum(pool.map(lambda seed: take_many(tenant, seed), range(round * 16, round * 16 + 16)), Counter())
    for document_type, count in kept.items():
        found = audit(tenant, document_type)
        assert (found["complete"], found["chronological"], found["count"]) == (True, True, count)
        assert series(tenant, document_type)["next_value"] == count + 1
    query = "SELECT count(*), count(DISTINCT number_key) FROM document_numbers WHERE organization_id = %s"
    assert Ledger(addresses.owner, tenant).rows(query) == [(kept.total(), kept.total())]


def test_a_number_that_two_want_at_once_is_given_to_one(tenant: Tenant) -> None:
    """An import that has not committed yet holds the number; who takes it waits, and is told which it was."""
    change(tenant, pattern="A{YYYY}-{#}")
    spoil(tenant)
    year, body = series(tenant)["next_number"][1:5], tenant.invoice_body()
    entered, done = threading.Event(), threading.Event()

    def bring() -> None:
        with tenant.app.app_context(), transaction():
            enter(tenant.organization_id)
            service.adopt("credit_note", f"A{year}-1", service.clock.today(ZONE), ZONE, uuid7())
            entered.set()
            assert not done.wait(0.3)

    with ThreadPoolExecutor(2) as pool:
        bringing = pool.submit(bring)
        assert entered.wait(10)
        answer = tenant.post("/v1/invoices", {**body, "finalize": True})
        assert refused(answer, 409, "number-taken")["number"] == f"A{year}-1"
        done.set()
        bringing.result(10)
    assert series(tenant)["last_number"] is None


def test_imports_and_numbers_that_meet_leave_each_series_sound(app: Flask, tenant: Tenant) -> None:
    """Whoever comes first: an import behind a given number is refused, one before it moves the counter."""

    def bring(n: int) -> bool:
        try:
            adopt(tenant, f"INV-2026-{n:04}", "2026-01-01")
        except (service.SeriesInUse, NumberTaken):
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = [pool.submit(take, tenant, "invoice", "2026-01-02") for _ in range(4)]
        brought = [pool.submit(bring, n) for n in range(1, 9)]
        values = [future.result(30).value or 0 for future in taken]
        imports = sum(future.result(30) for future in brought)
    assert sorted(values) == list(range(min(values), min(values) + 4))
    found = audit(tenant)
    assert (found["complete"], found["gaps"], found["count"]) == (True, [], 4 + imports)
