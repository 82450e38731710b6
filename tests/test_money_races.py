"""Deeds that meet at the same money, on the running service: two workers, threads and real commits."""

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests import credit_note_races, money_races
from tests.factories import Tenant
from tests.live_service import LiveService, Reply, together
from tests.money_races import Race, credit, outcome_of
from tests.races import Ledger

STRESS = bool(os.environ.get("STRESS"))
RACES = (*money_races.RACES, *credit_note_races.RACES)
QUICK = 1
MANY = 200 if STRESS else 20


def rounds_of(many: int) -> list[Any]:
    return [QUICK, pytest.param(many, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]


def run(live: LiveService, tenant: Tenant, prepare: Callable[[Tenant], Race]) -> tuple[str, str]:
    race = prepare(tenant)
    calls = [partial(live.send, *call, tenant.headers) for call in (race.first, race.second)]
    return race.judge(tenant, *together(calls))


def test_any_two_deeds_end_as_one_after_the_other_would(live: LiveService, tenant: Tenant, ledger: Ledger) -> None:
    for prepare in RACES:
        run(live, tenant, prepare)
        ledger.check_money()
    ledger.check()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("prepare", RACES)
def test_two_deeds_end_as_one_after_the_other_would_each_time(
    live: LiveService, tenant: Tenant, ledger: Ledger, prepare: Callable[[Tenant], Race]
) -> None:
    seen = Counter(run(live, tenant, prepare) for _ in range(MANY))
    print(f"{prepare.__name__}: {dict(seen)}")
    ledger.check_money()
    ledger.check()


def pay_often(live: LiveService, tenant: Tenant, amount: str, **body: Any) -> tuple[dict[str, Any], list[Reply]]:
    """An invoice over 119.00, and 32 payments of it at once, each under a key of its own."""
    invoice = tenant.invoice()
    path, sent = f"/v1/invoices/{invoice['id']}/payments", {"amount": amount, **body}
    calls = [
        partial(live.send, "POST", path, sent, {**tenant.headers, "Idempotency-Key": f"{invoice['id']}-{n}"})
        for n in range(32)
    ]
    replies = together(calls)
    return tenant.get(f"/v1/invoices/{invoice['id']}").json, replies


@pytest.mark.parametrize("rounds", rounds_of(MANY))
def test_of_thirty_two_payments_in_full_one_counts(
    live: LiveService, tenant: Tenant, ledger: Ledger, rounds: int
) -> None:
    for _ in range(rounds):
        invoice, replies = pay_often(live, tenant, "119.00")
        assert Counter(map(outcome_of, replies)) == {"done": 1, "invoice-not-payable": 31}
        assert (invoice["status"], invoice["amount_paid"]) == ("paid", "119.00")
    ledger.check_money()


@pytest.mark.parametrize("rounds", rounds_of(MANY))
def test_what_thirty_two_pay_beyond_is_kept_for_them(
    live: LiveService, tenant: Tenant, ledger: Ledger, rounds: int
) -> None:
    """Two payments of 70.00 have room, one of them for a part; what came in is allocated or available."""
    for _ in range(rounds):
        invoice, replies = pay_often(live, tenant, "70.00", overpayment="balance")
        assert Counter(map(outcome_of, replies)) == {"done": 2, "invoice-not-payable": 30}
        assert (invoice["status"], invoice["amount_paid"]) == ("paid", "119.00")
        payments = [tenant.get(reply.headers["Location"]).json for reply in replies if reply.status == 201]
        sums = [sum(Decimal(one[f"amount_{name}"]) for one in payments) for name in ("allocated", "available")]
        assert sums == [Decimal("119.00"), Decimal("21.00")]
    ledger.check_money()


@pytest.mark.parametrize("rounds", rounds_of(MANY))
def test_one_credit_on_many_invoices_at_once_is_spent_once(
    live: LiveService, tenant: Tenant, ledger: Ledger, rounds: int
) -> None:
    for _ in range(rounds):
        customer = tenant.customer()["id"]
        invoices = [tenant.invoice(customer_id=customer) for _ in range(6)]
        payment = credit(tenant, customer, "300.00")
        paths = [f"/v1/invoices/{invoice['id']}/apply-balance" for invoice in invoices]
        replies = together([partial(live.send, "POST", path, None, tenant.headers) for path in paths])
        assert Counter(map(outcome_of, replies)) == {"done": 3, "nothing-available": 3}
        due = [Decimal(tenant.get(invoice["links"]["self"]).json["amount_due"]) for invoice in invoices]
        assert sum(due) == 6 * 119 - 300
        assert tenant.get(payment["links"]["self"]).json["amount_available"] == "0.00"
    ledger.check_money()


def deadlocks(ledger: Ledger) -> int:
    (((count,),)) = ledger.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(count)


class Mill:
    """Deeds of every kind on a few invoices of a few customers, from many threads, until the time is up."""

    def __init__(self, live: LiveService, tenant: Tenant, seconds: float) -> None:
        self._live, self._tenant = live, tenant
        self._customers = [tenant.customer()["id"] for _ in range(3)]
        made = [tenant.invoice(customer_id=id)["id"] for id in self._customers for _ in range(4)]
        self._invoices = {id: [made[at * 4 + n] for n in range(4)] for at, id in enumerate(self._customers)}
        self._payments = [credit(tenant, id, "50.00")["id"] for id in self._customers]
        self._end = time.monotonic() + seconds
        self._names = itertools.count()

    def grind(self, seed: int) -> Counter[str]:
        """What came of each request; an answer from 500 on fails the test."""
        choice, seen = random.Random(seed), Counter[str]()
        while time.monotonic() < self._end:
            method, path, body = self._deed(choice)
            reply = self._live.send(method, path, body, self._tenant.headers)
            seen[outcome_of(reply)] += 1
            if reply.status == 201 and path.endswith("payments"):
                self._payments.append(reply.json["id"])
            elif reply.status == 201 and path == "/v1/invoices":
                self._invoices[reply.json["customer_id"]].append(reply.json["id"])
        return seen

    def _deed(self, choice: random.Random) -> tuple[str, str, Any]:
        customer = choice.choice(self._customers)
        invoice = f"/v1/invoices/{choice.choice(self._invoices[customer][-8:])}"
        payment = f"/v1/payments/{choice.choice(self._payments[-20:])}"
        amount = f"{choice.randint(1, 150)}.00"
        pair = choice.sample(self._invoices[customer][-8:], 2)
        several = {
            "customer_id": customer,
            "currency": "EUR",
            "amount": "20.00",
            "allocations": [{"invoice_id": id, "amount": "10.00"} for id in pair],
        }
        draft = self._tenant.invoice_body(customer_id=customer, finalize=choice.random() < 0.7)
        deeds: list[tuple[str, str, Any]] = [
            ("POST", "/v1/invoices", draft),
            ("POST", f"{invoice}/payments", {"amount": amount, "overpayment": choice.choice([None, "balance"])}),
            ("POST", "/v1/payments", several),
            ("POST", f"{invoice}/apply-balance", None),
            ("POST", f"{invoice}/void", {"reason": "x"}),
            ("POST", f"{invoice}/mark-uncollectible", None),
            ("POST", f"{invoice}/mark-collectible", None),
            ("POST", f"{invoice}/mark-sent", None),
            ("POST", f"{invoice}/finalize", None),
            ("PATCH", invoice, {"notes": amount}),
            ("DELETE", invoice, None),
            ("POST", f"{payment}/reverse", {"reason": "x"}),
            ("POST", f"{payment}/refunds", {"amount": amount}),
            ("PATCH", payment, {"reference": amount}),
            ("POST", "/v1/credit-notes", {"invoice_id": invoice.rpartition("/")[2], "reason": "x"}),
            ("POST", f"{invoice}/revise", {"reason": "x"}),
            ("PATCH", f"/v1/customers/{customer}", {"phone": amount}),
            ("DELETE", f"/v1/customers/{customer}", None),
            ("PUT", f"/v1/customers/by-external-id/{choice.randint(1, 3)}", {"name": f"N{next(self._names)}"}),
        ]
        return choice.choice(deeds)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [3, pytest.param(60 if STRESS else 15, marks=pytest.mark.slow)])
def test_everything_at_once_makes_no_deadlock_and_no_fault(
    live: LiveService, tenant: Tenant, ledger: Ledger, seconds: float
) -> None:
    before, mill = deadlocks(ledger), Mill(live, tenant, seconds)
    with ThreadPoolExecutor(16) as pool:
        seen = sum(pool.map(mill.grind, range(16)), Counter[str]())
    print(f"{seen.total()} requests, {deadlocks(ledger) - before} deadlocks: {dict(seen.most_common())}")
    assert seen["done"] > seconds
    ledger.check_money()
    ledger.check()
