"""A POST whose worker fails on purpose between two certain steps, and what its retry finds: its effect once, or not."""

import ast
import functools
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from billing_api import fault_points
from billing_api.embedded import Addresses
from billing_api.fault_points import FaultReached, Point
from config import ROOT, Config
from tests.armed import POINTS, Faults, Traces, serving_with_faults
from tests.factories import Tenant
from tests.live_service import CUT_OFF, LiveService, Reply
from tests.races import Ledger
from tests.service_processes import eventually
from tests.web.retried import REQUESTS

Ask = Callable[[], Reply]
ALL = {**REQUESTS, "/v1/api-keys": lambda _: ("/v1/api-keys", {"name": "A shop", "scopes": ["events:read"]})}
MONEY = [
    "/v1/customers",
    "/v1/invoices",
    "/v1/invoices/<uuid:invoice_id>/finalize",
    "/v1/invoices/<uuid:invoice_id>/payments",
    "/v1/credit-notes",
]
REPLAYED = ("Content-Type", "Location", "ETag")


def mostly_slow(*quick: str, of: Iterable[str] = tuple(ALL)) -> list[Any]:
    """All of them as parameters; but for a few, each of which costs a worker, in a slow run only."""
    return [pytest.param(rule, marks=[] if rule in quick else pytest.mark.slow) for rule in of]


@pytest.fixture(scope="module")
def both(config: Config, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveService, Faults]]:
    with serving_with_faults(config, tmp_path_factory.mktemp("service")) as found:
        yield found


@pytest.fixture
def live(both: tuple[LiveService, Faults]) -> LiveService:
    # So that this thread's connection leads to a worker that lives.
    assert both[0].insist("GET", "/health/live").status == 200
    return both[0]


@pytest.fixture
def faults(both: tuple[LiveService, Faults], live: LiveService) -> Iterator[Faults]:
    yield both[1]
    assert not any(map(both[1].is_armed, POINTS)), "the fault that was armed came to pass"


@pytest.fixture
def traces(addresses: Addresses) -> Callable[[Tenant], Traces]:
    return functools.partial(Traces, addresses.owner)


def is_replay(reply: Reply) -> bool:
    return reply.headers.get("Idempotency-Replayed") == "true"


def asking(live: LiveService, tenant: Tenant, rule: str = "/v1/customers", key: str = "retried") -> Ask:
    """The same request each time that it is called, under one key."""
    path, body = ALL[rule](tenant)
    return functools.partial(live.insist, "POST", path, body, {**tenant.headers, "Idempotency-Key": key})


def cut_off(ask: Ask) -> None:
    """Ask once, and lose the worker over it."""
    assert isinstance(ask, functools.partial)
    with pytest.raises(CUT_OFF):
        ask.func.__self__.send(*ask.args)


def shape(reply: Reply) -> dict[str, bool]:
    """Which members there are, and which of them are null."""
    return {name: value is None for name, value in reply.json.items()}


def replayed(ask: Ask) -> Reply:
    """The answer to a retry, which is a replay; and each further one says the same, byte for byte."""
    first, second = ask(), ask()
    assert is_replay(first)
    assert is_replay(second)
    assert (first.status, first.content) == (second.status, second.content)
    for name in REPLAYED:
        assert first.headers.get(name) == second.headers.get(name)
    return first


def undisturbed(ask: Ask, traces: Traces) -> tuple[Any, Reply]:
    """What the request leaves in the database where nothing fails, and what a retry of it is answered."""
    before = traces()
    first = ask()
    assert first.status in {200, 201}, first.content
    assert not is_replay(first)
    left, again = traces() - before, replayed(ask)
    assert traces() - before == left
    assert again.status == first.status
    if "secret" in first.json:
        assert again.json == {**first.json, "secret": None}
    else:
        assert again.content == first.content
    for name in REPLAYED:
        assert again.headers.get(name) == first.headers.get(name)
    return left, again


def killed_over(ask: Ask, live: LiveService, faults: Faults, point: Point) -> None:
    """Lose the worker at this point, and wait for nothing but its end: the other worker answers meanwhile."""
    workers = live.workers()
    faults.arm(point, "kill")
    cut_off(ask)
    assert not faults.is_armed(point)
    assert eventually(lambda: len(workers & live.workers()) == len(workers) - 1)


@pytest.mark.parametrize("point", ["after_commit", pytest.param("before_response", marks=pytest.mark.slow)])
@pytest.mark.parametrize("rule", mostly_slow(*MONEY, "/v1/invoices/bulk", "/v1/api-keys"))
def test_a_retry_of_what_was_committed_before_its_worker_died_is_given_the_lost_answer(
    live: LiveService, faults: Faults, tenant: Tenant, other: Tenant, traces: Callable[[Tenant], Traces],
    ledger: Ledger, rule: str, point: Point,
) -> None:  # fmt: skip
    """Plant the flaw by storing the reply in a transaction of its own, behind that of its effect: it is done twice."""
    wanted, example = undisturbed(asking(live, other, rule), traces(other))
    ask = asking(live, tenant, rule)
    before = traces(tenant)()
    killed_over(ask, live, faults, point)
    assert traces(tenant)() - before == wanted, "the effect is there, once"
    again = replayed(ask)
    assert traces(tenant)() - before == wanted
    assert (again.status, shape(again)) == (example.status, shape(example))
    assert [name in again.headers for name in REPLAYED] == [name in example.headers for name in REPLAYED]
    if "ETag" in again.headers:
        shown = live.insist("GET", again.json["links"]["self"], None, tenant.headers)
        assert (shown.status, shown.headers["ETag"]) == (200, again.headers["ETag"])
        assert shown.json == {name: value for name, value in again.json.items() if name != "secret"}
    ledger.check()
    ledger.check_money()


@pytest.mark.parametrize("rule", mostly_slow(*MONEY[:3]))
def test_nothing_is_left_of_what_its_worker_died_over_before_the_commit_and_a_retry_does_it(
    live: LiveService, faults: Faults, tenant: Tenant, other: Tenant, traces: Callable[[Tenant], Traces],
    ledger: Ledger, rule: str,
) -> None:  # fmt: skip
    """Plant the flaw by committing as soon as the reply is stored."""
    wanted, example = undisturbed(asking(live, other, rule), traces(other))
    ask = asking(live, tenant, rule)
    before = traces(tenant)()
    killed_over(ask, live, faults, "before_commit")
    assert traces(tenant)() == before
    made = ask()
    assert (made.status, is_replay(made)) == (example.status, False)
    assert traces(tenant)() - before == wanted
    again = replayed(ask)
    assert rule == "/v1/api-keys" or again.content == made.content
    ledger.check()
    ledger.check_money()


def test_the_secret_of_an_api_key_whose_answer_was_lost_is_lost_too(
    live: LiveService, faults: Faults, tenant: Tenant
) -> None:
    ask = asking(live, tenant, "/v1/api-keys")
    killed_over(ask, live, faults, "after_commit")
    again = replayed(ask)
    assert (again.status, again.json["secret"]) == (201, None)
    (listed,) = live.insist("GET", "/v1/api-keys", None, tenant.headers).json["data"]
    assert listed["id"] == again.json["id"]


@pytest.mark.parametrize("rule", mostly_slow(MONEY[1], of=MONEY))
@pytest.mark.parametrize("point", ["before_commit", "after_commit", "before_response"])
def test_a_fault_of_the_program_is_a_500_and_its_retry_is_done_once(
    live: LiveService, faults: Faults, tenant: Tenant, other: Tenant, traces: Callable[[Tenant], Traces],
    ledger: Ledger, rule: str, point: Point,
) -> None:  # fmt: skip
    """Plant the flaw by storing the reply behind the transaction of its effect."""
    wanted, _ = undisturbed(asking(live, other, rule), traces(other))
    ask = asking(live, tenant, rule)
    before = traces(tenant)()
    faults.arm(point, "raise")
    failed = ask()
    assert (failed.status, failed.json["code"]) == (500, "internal-error")
    assert traces(tenant)() - before == ({} if point == "before_commit" else wanted)
    again = ask()
    assert (again.status // 100, is_replay(again)) == (2, point != "before_commit")
    assert replayed(ask).content == again.content
    assert traces(tenant)() - before == wanted
    ledger.check()


def impatient(live: LiveService, ask: Ask, seconds: float) -> None:
    """Ask once over a connection of its own, and hang up before there is an answer."""
    assert isinstance(ask, functools.partial)
    method, path, body, headers = ask.args
    content, given = (None, {}) if body is None else (json.dumps(body), {"Content-Type": "application/json"})
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=seconds)) as connection:
        connection.request(method, path, content, {**given, **headers})
        with pytest.raises(TimeoutError):
            connection.getresponse()


@pytest.mark.parametrize("rule", mostly_slow(MONEY[3], of=MONEY))
@pytest.mark.parametrize("point", ["before_commit", "after_commit", "before_response"])
def test_a_client_that_hung_up_is_given_the_answer_while_the_first_request_is_at_it_still(
    live: LiveService, faults: Faults, tenant: Tenant, other: Tenant, traces: Callable[[Tenant], Traces],
    ledger: Ledger, rule: str, point: Point,
) -> None:  # fmt: skip
    """What is committed is given at once; for what is not, it waits. Plant the flaw by a key that nobody locks."""
    wanted, example = undisturbed(asking(live, other, rule), traces(other))
    ask = asking(live, tenant, rule)
    before = traces(tenant)()
    faults.arm(point, "sleep 1.2")
    impatient(live, ask, 0.3)
    assert eventually(lambda: not faults.is_armed(point), 30), "the first has its key"
    again = replayed(ask)
    assert again.status == example.status
    assert traces(tenant)() - before == wanted
    # It comes to the later points as well, where nobody may be armed for another before.
    assert eventually(lambda: live.done(rule, tenant.organization_id) >= 3), "the first comes to its end, too"
    ledger.check()


def test_who_comes_while_a_key_is_held_waits_two_seconds_and_is_told_to_come_again(
    live: LiveService, faults: Faults, tenant: Tenant, traces: Callable[[Tenant], Traces]
) -> None:
    ask = asking(live, tenant)
    before = traces(tenant)()
    faults.arm("before_commit", "sleep 3.5")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask)
        assert eventually(lambda: not faults.is_armed("before_commit"))
        began = time.monotonic()
        early = ask()
        waited = time.monotonic() - began
        assert (early.status, early.json["code"]) == (409, "idempotency-key-in-progress")
        assert early.headers["Retry-After"] == "1"
        assert waited >= 1.9, "it is not sent away before"
        assert traces(tenant)() == before
        made = first.result(30)
    assert (made.status, is_replay(made)) == (201, False)
    assert replayed(ask).content == made.content
    assert traces(tenant)()["customers"] == before["customers"] + 1


def test_where_no_folder_is_named_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_points, "_folder", None)
    Faults(tmp_path).arm("before_commit", "raise")
    monkeypatch.chdir(tmp_path)
    fault_points.reach("before_commit")
    assert Faults(tmp_path).is_armed("before_commit")
    monkeypatch.setattr(fault_points, "_folder", tmp_path)
    with pytest.raises(FaultReached):
        fault_points.reach("before_commit")
    fault_points.reach("before_commit")


def test_a_point_that_is_armed_once_fails_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant the flaw by reading the file before it is taken away: several fail."""
    monkeypatch.setattr(fault_points, "_folder", tmp_path)
    start, failed = threading.Barrier(8), []

    def go() -> None:
        start.wait(10)
        try:
            fault_points.reach("after_commit")
        except FaultReached as error:
            failed.append(str(error))

    for _ in range(50):
        Faults(tmp_path).arm("after_commit", "raise")
        with ThreadPoolExecutor(8) as pool:
            for future in [pool.submit(go) for _ in range(8)]:
                future.result(10)
    assert failed == ["after_commit: raise"] * 50
    assert list(tmp_path.iterdir()) == []


def test_every_point_stands_in_the_program_once() -> None:
    found = [
        node.args[0].value
        for path in (ROOT / "billing_api").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "reach" and isinstance(node.args[0], ast.Constant)
    ]
    assert sorted(found) == sorted(POINTS)
