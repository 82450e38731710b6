"""Races: requests that meet at one row, each with what must hold whoever wins. They are run against the real service,
and again against an application with a lock taken out, where they must fail."""

import functools
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from billing_api.postgres_cluster import connect
from tests.factories import Tenant
from tests.live_service import LiveService, Reply, Send, together

MONEY = (
    "SELECT entry_id FROM ledger_postings WHERE organization_id = %s GROUP BY 1 HAVING sum(amount) <> 0",
    """SELECT i.id, i.status FROM invoices i LEFT JOIN (
        SELECT a.invoice_id, coalesce(sum(a.amount) FILTER (WHERE s.type = 'payment'), 0) AS paid,
            coalesce(sum(a.amount) FILTER (WHERE s.type <> 'payment'), 0) AS credited
        FROM allocations a JOIN sources s ON (s.organization_id, s.id) = (a.organization_id, a.source_id)
        WHERE a.organization_id = %s AND a.released_at IS NULL GROUP BY 1) got ON got.invoice_id = i.id
    WHERE i.organization_id = %s AND i.payable_amount >= 0
        AND (i.amount_paid, i.amount_credited) <> (coalesce(paid, 0), coalesce(credited, 0))""",
    """SELECT s.id, s.type FROM sources s WHERE s.organization_id = %s AND (s.amount_allocated, s.amount_refunded) <> (
        (SELECT coalesce(sum(amount), 0) FROM allocations a
            WHERE (a.organization_id, a.source_id) = (s.organization_id, s.id) AND released_at IS NULL),
        (SELECT coalesce(sum(amount), 0) FROM refunds r
            WHERE (r.organization_id, r.source_id) = (s.organization_id, s.id)))""",
    """SELECT s.id, s.amount_available FROM sources s WHERE s.organization_id = %s AND -s.amount_available <> (
        SELECT coalesce(sum(amount), 0) FROM ledger_postings p WHERE p.organization_id = s.organization_id
            AND p.source_id = s.id AND p.account = 'customer_credit')""",
    """SELECT i.id, i.status FROM invoices i LEFT JOIN (
        SELECT invoice_id, sum(amount) FILTER (WHERE account = 'accounts_receivable') AS receivable,
            sum(amount) FILTER (WHERE account = 'bad_debt') AS lost
        FROM ledger_postings WHERE organization_id = %s GROUP BY 1) books ON books.invoice_id = i.id
    WHERE i.organization_id = %s AND (coalesce(receivable, 0), coalesce(lost, 0)) <> (
        CASE i.status WHEN 'open' THEN payable_amount - amount_paid - amount_credited ELSE 0 END,
        CASE i.status WHEN 'uncollectible' THEN payable_amount - amount_paid - amount_credited ELSE 0 END)""",
)
"""What must find nothing: entries that do not balance, invoices and sources whose amounts are not those of their
allocations and refunds, credit and receivables that differ from the books."""


class Ledger:
    """What stands in the database, seen by its owner, who passes every policy."""

    def __init__(self, url: str, tenant: Tenant) -> None:
        self._url = url
        self._tenant = tenant

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query in which `%s` stands for the organization."""
        with closing(connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute(query, [str(self._tenant.organization_id)] * query.count("%s"))
            return cursor.fetchall()

    def numbers(self) -> list[int]:
        query = "SELECT sequence_value FROM invoices WHERE organization_id = %s AND status <> 'draft' ORDER BY 1"
        return [value for (value,) in self.rows(query)]

    def check(self) -> None:
        """Numbers and events without gap or double, each number in the register, one event for each issued invoice."""
        numbers = self.numbers()
        assert numbers == list(range(1, len(numbers) + 1))
        events = self.rows("SELECT sequence, type, object_id FROM events WHERE organization_id = %s ORDER BY sequence")
        assert [event[0] for event in events] == list(range(1, len(events) + 1))
        issued = Counter(event[2] for event in events if event[1] == "invoice.finalized")
        query = "SELECT id FROM invoices WHERE organization_id = %s AND status <> 'draft'"
        assert issued == Counter(id for (id,) in self.rows(query))
        register = (
            "SELECT document_id, number, sequence_value, voided_at FROM document_numbers WHERE organization_id = %s "
            "AND document_type = 'invoice'"
        )
        invoices = "SELECT id, number, sequence_value, voided_at FROM invoices WHERE organization_id = %s"
        assert sorted(self.rows(register)) == sorted(self.rows(f"{invoices} AND status <> 'draft'"))
        counted = (
            "SELECT c.last_value FROM number_counters c JOIN number_series s "
            "ON (s.organization_id, s.id) = (c.organization_id, c.series_id) "
            "WHERE c.organization_id = %s AND s.document_type = 'invoice'"
        )
        assert self.rows(counted) in ([], [(len(numbers),)])
        assert self.rows("SELECT last_sequence FROM event_counters WHERE organization_id = %s") == [(len(events),)]

    def check_money(self) -> None:
        """Every amount is the sum of what it is made of, and the books say the same."""
        for query in MONEY:
            assert self.rows(query) == [], query


def drafts(tenant: Tenant, count: int) -> list[str]:
    customer = tenant.customer()["id"]
    return [tenant.draft(customer_id=customer)["id"] for _ in range(count)]


def statuses(replies: Sequence[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)


def finalize_each(send: Send, tenant: Tenant, ids: Sequence[str]) -> None:
    """As many drafts as threads: each gets a number of its own, none is refused."""
    calls = [functools.partial(send, "POST", f"/v1/invoices/{id}/finalize", None, tenant.headers) for id in ids]
    replies = together(calls)
    assert statuses(replies) == {200: len(ids)}
    numbers = sorted(int(reply.json["number"].rpartition("-")[2]) for reply in replies)
    assert numbers == list(range(numbers[0], numbers[0] + len(ids)))


def finalize_one(send: Send, tenant: Tenant, threads: int = 16) -> None:
    """One draft finalized by many: one number, one version, one event."""
    (id,) = drafts(tenant, 1)
    replies = together([functools.partial(send, "POST", f"/v1/invoices/{id}/finalize", None, tenant.headers)] * threads)
    assert statuses(replies) == {200: threads}
    assert len({(reply.json["number"], reply.json["version"]) for reply in replies}) == 1
    history = tenant.get("/v1/events?limit=100").json["data"]
    assert [event["type"] for event in history if event["object"]["id"] == id].count("invoice.finalized") == 1


def one_key(send: Send, tenant: Tenant, key: str, threads: int = 32) -> Counter[int]:
    """One Idempotency-Key in many hands: one row, the same bytes; who is too early is told when to come again."""
    headers = {**tenant.headers, "Idempotency-Key": key}
    call = functools.partial(send, "POST", "/v1/customers", {"name": key}, headers)
    replies = together([call] * threads)
    assert statuses(replies).keys() <= {201, 409}
    early = [reply for reply in replies if reply.status == 409]
    assert all(reply.headers["Retry-After"] == "1" for reply in early)
    assert all(reply.json["code"] == "idempotency-key-in-progress" for reply in early)
    made = [reply for reply in replies if reply.status == 201]
    assert sum("Idempotency-Replayed" not in reply.headers for reply in made) == 1
    late = send("POST", "/v1/customers", {"name": key}, headers)
    assert late.headers["Idempotency-Replayed"] == "true"
    shown = {(reply.content, reply.headers["Location"], reply.headers["ETag"]) for reply in [*made, late]}
    assert len(shown) == 1
    named = [one for one in tenant.get("/v1/customers?limit=100").json["data"] if one["name"] == key]
    assert len(named) == 1
    return statuses(replies)


def edit_one_version(send: Send, tenant: Tenant) -> None:
    """Two changes of the same version: one is made, the other is told that the object has changed."""
    customer = tenant.customer()
    path, headers = f"/v1/customers/{customer['id']}", {**tenant.headers, "If-Match": '"1"'}
    replies = together(
        [functools.partial(send, "PATCH", path, {"phone": phone}, headers) for phone in ("+49 30 1", "+49 30 2")]
    )
    assert statuses(replies) == {200: 1, 412: 1}
    (made,) = [reply for reply in replies if reply.status == 200]
    assert send("GET", path, None, tenant.headers).json == made.json
    assert made.json["version"] == 2


def edit_one_draft_version(send: Send, tenant: Tenant) -> None:
    """The same of a draft, whose parts are replaced."""
    (id,) = drafts(tenant, 1)
    path, headers = f"/v1/invoices/{id}", {**tenant.headers, "If-Match": '"1"'}
    replies = together([functools.partial(send, "PATCH", path, {"notes": notes}, headers) for notes in ("one", "two")])
    assert statuses(replies) == {200: 1, 412: 1}
    (made,) = [reply for reply in replies if reply.status == 200]
    assert send("GET", path, None, tenant.headers).json["notes"] == made.json["notes"]


def finalize_against_edit(send: Send, tenant: Tenant) -> tuple[int, int]:
    """The edit is in the issued invoice, or it is refused."""
    (id,) = drafts(tenant, 1)
    path = f"/v1/invoices/{id}"
    issued, edited = together(
        [
            functools.partial(send, "POST", f"{path}/finalize", None, tenant.headers),
            functools.partial(send, "PATCH", path, {"notes": "changed"}, tenant.headers),
        ]
    )
    final = send("GET", path, None, tenant.headers).json
    assert (issued.status, edited.status) in {(200, 200), (200, 409)}
    assert final["status"] == "open"
    assert final["notes"] == ("changed" if edited.status == 200 else None)
    assert issued.json["notes"] == final["notes"]
    return issued.status, edited.status


def finalize_against_delete(send: Send, tenant: Tenant) -> tuple[int, int]:
    """It is issued and stays, or it is gone and has no number."""
    (id,) = drafts(tenant, 1)
    path = f"/v1/invoices/{id}"
    issued, deleted = together(
        [
            functools.partial(send, "POST", f"{path}/finalize", None, tenant.headers),
            functools.partial(send, "DELETE", path, None, tenant.headers),
        ]
    )
    assert (issued.status, deleted.status) in {(200, 409), (404, 204)}
    assert send("GET", path, None, tenant.headers).status == issued.status
    return issued.status, deleted.status


def delete_customer_against_create(send: Send, tenant: Tenant) -> tuple[int, int]:
    """The customer is gone and the invoice refused, or the invoice stands and the customer stays."""
    customer = tenant.customer()["id"]
    body = tenant.invoice_body(customer_id=customer)
    deleted, made = together(
        [
            functools.partial(send, "DELETE", f"/v1/customers/{customer}", None, tenant.headers),
            functools.partial(send, "POST", "/v1/invoices", body, tenant.headers),
        ]
    )
    assert (deleted.status, made.status) in {(204, 422), (409, 201)}
    code = (made if made.status == 422 else deleted).json["code"]
    assert code == ("customer-not-found" if made.status == 422 else "customer-in-use")
    found = send("GET", f"/v1/customers/{customer}", None, tenant.headers).status
    assert found == (404 if deleted.status == 204 else 200)
    return deleted.status, made.status


def take_one_name(send: Send, tenant: Tenant, member: str, value: str, threads: int = 8) -> None:
    """Many customers with one e-mail address or external id: the first has it."""
    bodies = [{"name": f"Customer {n}", member: value} for n in range(threads)]
    replies = together([functools.partial(send, "POST", "/v1/customers", body, tenant.headers) for body in bodies])
    assert statuses(replies) == {201: 1, 409: threads - 1}
    named = {"email": "customer-email-taken", "external_id": "customer-external-id-taken"}[member]
    assert {reply.json["code"] for reply in replies if reply.status == 409} == {named}


def upsert_one(send: Send, tenant: Tenant, external_id: str, threads: int = 8) -> None:
    """One creates, the others replace; the last version counts them all."""
    path = f"/v1/customers/by-external-id/{external_id}"
    calls = [functools.partial(send, "PUT", path, {"name": f"Name {n}"}, tenant.headers) for n in range(threads)]
    replies = together(calls)
    assert statuses(replies) == {201: 1, 200: threads - 1}
    assert len({reply.json["id"] for reply in replies}) == 1
    assert sorted(reply.json["version"] for reply in replies) == list(range(1, threads + 1))


def upsert_against_delete(send: Send, tenant: Tenant, external_id: str) -> None:
    """A row that leaves while it is being replaced is made anew; nobody is told of a precondition never named."""
    path = f"/v1/customers/by-external-id/{external_id}"
    there = send("PUT", path, {"name": "Old"}, tenant.headers).json
    put, deleted = together(
        [
            functools.partial(send, "PUT", path, {"name": "New"}, tenant.headers),
            functools.partial(send, "DELETE", f"/v1/customers/{there['id']}", None, tenant.headers),
        ]
    )
    assert (put.status, deleted.status) in {(200, 204), (201, 204)}


def refresh_one(live: LiveService, url: str, tenant: Tenant, threads: int = 16) -> None:
    """One refresh token in many hands at one moment: one successor, which is good, and comes back only once.

    The session's row is held until all have been sent; a client that sends one after an answer is another matter.
    """
    body = {"refresh_token": tenant.refresh_token}
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        held = "SELECT 1 FROM sessions WHERE organization_id = %s FOR UPDATE"
        cursor.execute(held, [str(tenant.organization_id)])
        replies = live.volley(threads, "POST", "/v1/auth/refresh", body, connection.rollback)
    assert statuses(replies) == {200: 1, 401: threads - 1}
    assert {reply.json["code"] for reply in replies if reply.status == 401} == {"refresh-token-in-exchange"}
    (made,) = [reply for reply in replies if reply.status == 200]
    successor = {"refresh_token": made.json["refresh_token"]}
    after = [live.send("POST", "/v1/auth/refresh", successor) for _ in range(2)]
    assert [reply.status for reply in after] == [200, 401], [reply.content for reply in after]
    assert after[1].json["code"] == "refresh-token-reused"
    last = live.send("POST", "/v1/auth/refresh", {"refresh_token": after[0].json["refresh_token"]})
    assert last.status == 401, "the reuse has ended the session"
