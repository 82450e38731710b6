"""A load of many clients who each keep a journal: what they sent, and what was acknowledged. Whatever is killed
meanwhile, each of its entries has to have one effect afterwards.

A client asks again, under the same Idempotency-Key, until it is told what became of an entry. Some customers are sent
once, without a key: there may be none then, but never two. And none of the clients asks for what must be refused: an
invoice is put up in four parts, and each part is paid, or credited, by whoever takes it. What a seed chooses is the
same each time; in which order clients, workers and the database meet is not.
"""

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.factories import BUYER_ADDRESS, Tenant, line
from tests.live_service import CUT_OFF, LiveService, Reply
from tests.races import Ledger
from tests.service_processes import eventually
from tests.spoilt import broken

CLIENTS = 16
PATIENCE_SECONDS = 60.0
"""So long a client asks again once nothing is killed any more; a service that is away for longer does not come back."""
BETWEEN_SECONDS = 15.0
"""So long it may take under load, on slow cores, until a worker that was started again has its first success."""
PARTS, PART_CENTS = 4, 2975
"""A line of 4 x 25.00 at 19 %."""
CUT = 0
"""Stands for the status where the connection was cut."""
TABLES = ("customers", "invoices", "payments", "credit_notes")
TOLD_BY = {
    "customer.created": "customers", "invoice.created": "invoices", "invoice.finalized": "invoices",
    "payment.received": "payments", "credit_note.issued": "credit_notes",
}  # fmt: skip
"""The events of which there is one for each object."""


@dataclass(frozen=True)
class Part:
    """A quarter of an issued invoice, which nobody has paid or credited."""

    invoice_id: str
    line_id: str


@dataclass
class Entry:
    """What a client wants done once, and the answer that told it that it was."""

    tenant: Tenant
    key: str
    table: str
    path: str
    body: dict[str, Any]
    part: Part | None = None
    is_keyed: bool = True
    reply: Reply | None = None
    """None where one without a key was not acknowledged."""

    @property
    def id(self) -> str:
        assert self.reply is not None, f"{self.key} was not acknowledged"
        return str(self.reply.json["id"])

    @property
    def headers(self) -> dict[str, str]:
        return {**self.tenant.headers, **({"Idempotency-Key": self.key} if self.is_keyed else {})}


class Journal:
    """The clients of one service, in some organizations, and all that they have written down."""

    def __init__(self, live: LiveService, tenants: list[Tenant], seed: int = 1) -> None:
        self.entries: list[Entry] = []
        self.answers: list[tuple[float, int]] = []
        """When which status was received."""
        self._live, self._tenants, self._seed = live, tenants, seed
        self._customers = [tenant.customer()["id"] for tenant in tenants]
        self._parts: list[list[Part]] = [[] for _ in tenants]
        self._lock = threading.Lock()
        self._patient_until = math.inf

    @property
    def seen(self) -> Counter[int]:
        """How often each status was received."""
        return Counter(status for _, status in self.answers)

    def __str__(self) -> str:
        made = Counter(entry.table for entry in self.entries if entry.reply)
        return f"seed {self._seed}: {len(self.answers)} requests {dict(self.seen)}; acknowledged {dict(made)}"

    @contextmanager
    def load(self, clients: int = CLIENTS) -> Iterator[None]:
        """Let the clients work during the block; at its end each is told what became of its last entry."""
        is_over = threading.Event()
        with ThreadPoolExecutor(clients) as pool:
            working = [pool.submit(self._work, client, is_over) for client in range(clients)]
            try:
                yield
            finally:
                self._patient_until = time.monotonic() + PATIENCE_SECONDS
                is_over.set()
            for one in working:
                one.result(2 * PATIENCE_SECONDS)

    def demand_success(self, made: int) -> None:
        """Wait, not for long, until more entries than those were acknowledged: what answers 503 until it is let alone
        loses nothing, and serves nobody."""
        assert eventually(lambda: self.seen[201] > made, BETWEEN_SECONDS), "nothing was acknowledged between two blows"

    def seconds_to_success(self, moment: float) -> float:
        """How long it took from this moment of the monotonic clock until somebody was told of a success."""
        return min(at for at, status in self.answers if status in {200, 201} and at >= moment) - moment

    def _work(self, client: int, is_over: threading.Event) -> None:
        chance, count = random.Random(f"{self._seed}-{client}"), 0
        while not is_over.is_set():
            entry = self._next(chance, f"{client}-{count}")
            entry.reply = self._settled(entry)
            with self._lock:
                self.entries.append(entry)
                if entry.table == "invoices":
                    part = Part(entry.id, entry.reply.json["lines"][0]["id"])
                    self._parts[self._tenants.index(entry.tenant)] += [part] * PARTS
            if chance.random() < 0.2:
                # Reads go another way to the database than writes.
                looked = self._sent("GET", "/v1/events?limit=1", None, entry.tenant.headers)
                assert looked is None or looked.status in {200, 503}
            count += 1

    def _next(self, chance: random.Random, key: str) -> Entry:
        which, deed = chance.randrange(len(self._tenants)), chance.random()
        tenant, metadata = self._tenants[which], {"entry": key}
        if deed < 0.1:
            body = {"name": f"Customer {key}", "billing_address": BUYER_ADDRESS, "metadata": metadata}
            return Entry(tenant, key, "customers", "/v1/customers", body, is_keyed=deed < 0.05)
        part = self._taken(which, chance) if deed < 0.8 else None
        if part and deed < 0.5:
            body = {"amount": f"{PART_CENTS / 100:.2f}", "metadata": metadata}
            return Entry(tenant, key, "payments", f"/v1/invoices/{part.invoice_id}/payments", body, part)
        if part:
            lines = [{"invoice_line_id": part.line_id, "quantity": "1"}]
            body = {"invoice_id": part.invoice_id, "reason": "Returned", "lines": lines, "metadata": metadata}
            return Entry(tenant, key, "credit_notes", "/v1/credit-notes", body, part)
        lines = [line(quantity=str(PARTS), unit_price="25.00")]
        body = {"customer_id": self._customers[which], "lines": lines, "finalize": True, "metadata": metadata}
        return Entry(tenant, key, "invoices", "/v1/invoices", body)

    def _taken(self, which: int, chance: random.Random) -> Part | None:
        with self._lock:
            parts = self._parts[which]
            return parts.pop(chance.randrange(len(parts))) if parts else None

    def _settled(self, entry: Entry) -> Reply | None:
        """The answer that tells what became of an entry; who is cut off, or told to come again, comes again."""
        while True:
            reply = self._sent("POST", entry.path, entry.body, entry.headers)
            if reply is not None:
                if reply.status == 201:
                    return reply
                is_early = reply.status == 409 and reply.json["code"] == "idempotency-key-in-progress"
                assert reply.status == 503 or is_early, (entry.key, reply.status, reply.content)
                assert int(reply.headers["Retry-After"]) >= 1
            if not entry.is_keyed:
                return None
            assert time.monotonic() < self._patient_until, f"{entry.key}: the service does not come back"
            time.sleep(0.05)

    def _sent(self, *request: Any) -> Reply | None:
        try:
            reply = self._live.send(*request)
        except CUT_OFF:
            reply = None
        self.answers.append((time.monotonic(), reply.status if reply else CUT))
        return reply

    def check(self, url: str) -> None:
        """Look, as the owner of the database, whether each entry had its one effect, and no invariant is broken."""
        print(self)
        assert len({(entry.tenant.organization_id, entry.key) for entry in self.entries}) == len(self.entries)
        for tenant in self._tenants:
            of_tenant = [entry for entry in self.entries if entry.tenant is tenant]
            _check_effects(Ledger(url, tenant), of_tenant)
        assert eventually(lambda: not self._locked_keys(url)), "a key is locked by nobody's request"
        self._check_retries(random.Random(self._seed))
        assert broken(url) == []

    def _locked_keys(self, url: str) -> list[tuple[Any, ...]]:
        query = "SELECT pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory'"
        return Ledger(url, self._tenants[0]).rows(f"{query} AND datname = current_database()")

    def _check_retries(self, chance: random.Random) -> None:
        """A retry of an entry is given its answer again, byte for byte."""
        keyed = [entry for entry in self.entries if entry.is_keyed]
        for entry in chance.sample(keyed, min(len(keyed), 60)):
            again = self._live.insist("POST", entry.path, entry.body, entry.headers)
            assert entry.reply is not None
            assert (again.status, again.content) == (entry.reply.status, entry.reply.content)
            assert again.headers["Idempotency-Replayed"] == "true"
            for name in ("Location", "ETag"):
                assert again.headers.get(name) == entry.reply.headers.get(name)


def _check_effects(ledger: Ledger, entries: list[Entry]) -> None:
    ledger.check()
    ledger.check_money()
    unknown = {entry.key for entry in entries if entry.reply is None}
    entries = [entry for entry in entries if entry.reply]
    for table in TABLES:
        query = f"SELECT metadata->>'entry', id::text FROM {table} WHERE organization_id = %s AND metadata <> '{{}}'"  # noqa: S608
        found = ledger.rows(query)
        assert len({key for key, _ in found}) == len(found), f"{table}: one entry, several effects"
        wanted = sorted((entry.key, entry.id) for entry in entries if entry.table == table)
        assert sorted(row for row in found if row[0] not in unknown) == wanted, table
    stored = ledger.rows("SELECT key, body FROM idempotency_keys WHERE organization_id = %s")
    shown = {entry.key: entry.reply.content for entry in entries if entry.is_keyed}
    assert {key: bytes(body) for key, body in stored} == shown
    _check_numbers(ledger)
    _check_events(ledger, entries)
    _check_amounts(ledger, entries)


def _check_numbers(ledger: Ledger) -> None:
    """In each series the numbers are 1 to n."""
    query = """SELECT series_id, array_agg(sequence_value ORDER BY sequence_value) FROM document_numbers
        WHERE organization_id = %s GROUP BY 1"""
    for series, numbers in ledger.rows(query):
        assert numbers == list(range(1, len(numbers) + 1)), series


def _check_events(ledger: Ledger, entries: list[Entry]) -> None:
    """Of each object it was told once that it is there."""
    told = Counter(ledger.rows("SELECT type, object_id::text FROM events WHERE organization_id = %s"))
    for type, table in TOLD_BY.items():
        mine = {id for (kind, id) in told if kind == type} & {entry.id for entry in entries}
        assert mine == {entry.id for entry in entries if entry.table == table}, type
        assert {told[type, id] for id in mine} <= {1}, type


def _check_amounts(ledger: Ledger, entries: list[Entry]) -> None:
    """On each invoice stands as much as the journal says that was paid and credited."""
    wanted = {entry.id: [0, 0] for entry in entries if entry.table == "invoices"}
    for entry in entries:
        if entry.part:
            wanted[entry.part.invoice_id][entry.table == "credit_notes"] += PART_CENTS
    query = "SELECT id::text, amount_paid, amount_credited FROM invoices WHERE organization_id = %s"
    assert {id: amounts for id, *amounts in ledger.rows(query)} == wanted
