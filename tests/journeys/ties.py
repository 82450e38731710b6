"""What must hold after each step: model, documents as they are shown and books as they are kept agree."""

import hashlib
import json
from contextlib import closing
from typing import Any

from billing_api.postgres_cluster import connect
from tests.factories import Tenant
from tests.journeys.figures import DECIMALS, major
from tests.journeys.model import Books
from tests.journeys.things import Invoice, Source

MOVABLE = (
    "status", "version", "updated_at", "amount_paid", "amount_credited", "amount_due", "amount_creditable", "overdue",
    "partially_paid", "settled_by", "paid_at", "voided_at", "void_reason", "marked_uncollectible_at",
    "reopened_at", "marked_collectible_at", "sent_at", "revised_by_id", "actions",
)  # fmt: skip
"""What may change of an issued invoice; all else stands for ever."""

BOOKS = """
SELECT json_build_object(
    'accounts', (SELECT json_agg(json_build_array(account, owner, currency, sum)) FROM (
        SELECT p.account, coalesce(p.invoice_id, p.source_id) AS owner, e.currency, sum(p.amount)
        FROM ledger_postings p JOIN ledger_entries e ON (e.organization_id, e.id) = (p.organization_id, p.entry_id)
        WHERE p.organization_id = %(id)s GROUP BY 1, 2, 3) sums),
    'unbalanced', (SELECT count(*) FROM (
        SELECT entry_id FROM ledger_postings WHERE organization_id = %(id)s
        GROUP BY 1 HAVING sum(amount) <> 0) unbalanced),
    'numbers', (SELECT json_agg(json_build_array(document_type, period, sequence_value) ORDER BY sequence_value)
        FROM document_numbers WHERE organization_id = %(id)s),
    'sources', (SELECT json_agg(json_build_array(
            id, type, amount, amount_allocated, amount_refunded, amount_reversed, amount_available))
        FROM sources WHERE organization_id = %(id)s),
    'events', (SELECT json_agg(json_build_array(sequence, type, object_id) ORDER BY sequence)
        FROM events WHERE organization_id = %(id)s AND sequence > %(seen)s)
)
"""


class Ties:
    """Watches an organization; `check` asserts that all of it agrees with the model."""

    def __init__(self, tenant: Tenant, url: str) -> None:
        self._tenant = tenant
        self._cursor = connect(url).cursor()
        self._frozen: dict[str, str] = {}
        self._seen = self._told = 0
        self._seen = max((one[0] for one in self._books()["events"] or ()), default=0)

    def close(self) -> None:
        with closing(self._cursor.connection):
            self._cursor.close()

    def check(self, books: Books) -> None:
        self._check_documents(books)
        kept = self._books()
        assert kept["unbalanced"] == 0
        check_accounts(kept["accounts"] or [], books)
        check_numbers(kept["numbers"] or [])
        found = {one[0]: tuple(one[1:]) for one in kept["sources"] or ()}
        assert found == {source.id: amounts_of(source) for source in books.sources}
        events = kept["events"] or []
        assert [one[0] for one in events] == list(range(self._seen + 1, self._seen + 1 + len(events)))
        told = [(type, about and about.id) for type, about in books.told[self._told :]]
        assert [one[1] for one in events] == [type for type, _ in told]
        assert [one[2] for one, (_, id) in zip(events, told, strict=True) if id] == [id for _, id in told if id]
        self._seen, self._told = self._seen + len(events), len(books.told)
        # One customer in one currency at each step; over a history each comes again and again.
        customer = books.customers[self._seen % len(books.customers)].id
        check_statement(self._tenant, books, customer, tuple(DECIMALS)[self._seen // 2 % 3])

    def _books(self) -> dict[str, Any]:
        self._cursor.execute(BOOKS, {"id": str(self._tenant.organization_id), "seen": self._seen})
        (row,) = self._cursor.fetchall()
        kept: dict[str, Any] = row[0]
        return kept

    def _check_documents(self, books: Books) -> None:
        shown = {one["id"]: one for one in everything(self._tenant, "/v1/invoices")}
        assert shown.keys() == {invoice.id for invoice in books.invoices}
        for invoice in books.invoices:
            document = shown[invoice.id]
            wanted = view(invoice)
            assert {name: document[name] for name in wanted} == wanted
            assert moments(document) == moments_of(invoice)
            if invoice.status != "draft":
                stands = digest(document)
                assert self._frozen.setdefault(invoice.id, stands) == stands, document


def everything(tenant: Tenant, path: str) -> list[dict[str, Any]]:
    """All of a list, page by page."""
    found, query = [], "limit=100"
    while True:
        answer = tenant.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        found += answer.json["data"]
        if not answer.json["has_more"]:
            return found
        query = f"limit=100&cursor={answer.json['next_cursor']}"


def view(invoice: Invoice) -> dict[str, Any]:
    """What the model says of an invoice, as it is shown."""
    sums = invoice.figures
    amounts = {
        "tax_total": sums.tax, "total": sums.total, "payable_amount": sums.payable, "amount_paid": invoice.paid,
        "amount_credited": invoice.credited, "amount_due": invoice.due, "amount_creditable": invoice.creditable,
    }  # fmt: skip
    return {
        "status": invoice.status,
        "customer_id": invoice.customer,
        "currency": invoice.currency,
        "issue_date": invoice.issued_on.isoformat() if invoice.issued_on else invoice.body["issue_date"],
        "partially_paid": invoice.paid > 0 and invoice.due > 0,
        "settled_by": invoice.settled_by,
        **{name: major(amount, invoice.currency) for name, amount in amounts.items()},
    }


def moments(document: dict[str, Any]) -> set[str]:
    """Which of its moments a document has come to."""
    names = (
        "number", "finalized_at", "paid_at", "voided_at", "void_reason", "marked_uncollectible_at", "reopened_at",
        "marked_collectible_at", "sent_at",
    )  # fmt: skip
    return {name for name in names if document[name] is not None}


def moments_of(invoice: Invoice) -> set[str]:
    given = {
        "number": invoice.status != "draft",
        "finalized_at": invoice.status != "draft",
        "paid_at": invoice.status == "paid",
        "voided_at": invoice.status == "void",
        "void_reason": invoice.status == "void",
        "marked_uncollectible_at": invoice.is_given_up,
        "reopened_at": invoice.was_reopened,
        "marked_collectible_at": invoice.was_expected_again,
        "sent_at": invoice.is_sent,
    }
    return {name for name, is_so in given.items() if is_so}


def amounts_of(source: Source) -> tuple[str, int, int, int, int, int]:
    """What became of a source: amount, allocated, refunded, reversed, available."""
    undone = source.amount if source.is_reversed else 0
    return source.kind, source.amount, source.allocated, source.refunded, undone, source.available


def digest(document: dict[str, Any]) -> str:
    """A document without what may move."""
    kept = {name: frozen(value) for name, value in document.items() if name not in MOVABLE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def frozen(value: Any) -> Any:
    """A part of a document without what credit notes have left of it."""
    if isinstance(value, list):
        return [frozen(one) for one in value]
    if isinstance(value, dict):
        return {name: frozen(one) for name, one in value.items() if not name.startswith("creditable_")}
    return value


def check_accounts(sums: list[tuple[str, str | None, str, int]], books: Books) -> None:
    """Each receivable, credit and bad debt is what the model says; so are cash and turnover in each currency."""
    found = {(account, owner): amount for account, owner, _, amount in sums if owner and amount}
    wanted: dict[tuple[str, str | None], int] = {}
    turnover: dict[str, int] = {}
    cash: dict[str, int] = {}
    for invoice in books.invoices:
        wanted["accounts_receivable", invoice.id] = invoice.due if invoice.status == "open" else 0
        wanted["bad_debt", invoice.id] = invoice.due if invoice.status == "uncollectible" else 0
        if invoice.status not in ("draft", "void"):
            turnover[invoice.currency] = turnover.get(invoice.currency, 0) + invoice.figures.payable
    for source in books.sources:
        wanted["customer_credit", source.id] = -source.available
        came = source.amount if source.kind == "payment" and not source.is_reversed else 0
        cash[source.currency] = cash.get(source.currency, 0) + came - source.refunded
        if source.kind == "credit_note":
            turnover[source.currency] -= source.amount
    assert found == {key: amount for key, amount in wanted.items() if amount}
    for currency in {one[2] for one in sums}:
        own = {"cash": 0, "turnover": 0}
        for account, owner, code, amount in sums:
            if owner is None and code == currency:
                own["cash" if account == "cash" else "turnover"] += amount
        assert own == {"cash": cash.get(currency, 0), "turnover": -turnover.get(currency, 0)}


def check_numbers(numbers: list[tuple[str, str, int]]) -> None:
    """In each series and period: from 1, and each once."""
    series: dict[tuple[str, str], list[int]] = {}
    for document_type, period, value in numbers:
        series.setdefault((document_type, period), []).append(value)
    for values in series.values():
        assert values == list(range(1, len(values) + 1))


def check_actions(document: dict[str, Any], books: Books, invoice: Invoice) -> None:
    """The buttons of a screen: each is lit when the deed would be done."""
    assert {action["name"]: action["allowed"] for action in document["actions"]} == books.offers(invoice)
    assert all((action["reason"] is None) == action["allowed"] for action in document["actions"])


def check_statement(tenant: Tenant, books: Books, customer: str, currency: str) -> None:
    """What a customer is told to owe is what their documents say, and the statement comes to it."""
    mine = [one for one in books.invoices if (one.customer, one.currency) == (customer, currency)]
    credit = [one for one in books.sources if (one.customer, one.currency) == (customer, currency)]
    receivable = sum(one.due for one in mine if one.status == "open")
    available = sum(source.available for source in credit)
    amounts = {
        "receivable": receivable,
        "available_credit": available,
        "net": receivable - available,
        "uncollectible": sum(one.due for one in mine if one.status == "uncollectible"),
    }
    balances = {one["currency"]: one for one in tenant.get(f"/v1/customers/{customer}/balance").json["balances"]}
    shown = balances.get(currency) or dict.fromkeys(amounts, major(0, currency))
    assert {name: shown[name] for name in amounts} == {name: major(sum, currency) for name, sum in amounts.items()}
    answer = tenant.get(f"/v1/customers/{customer}/statement?currency={currency}")
    assert answer.status_code == 200, answer.text
    proof = answer.json["reconciliation"]
    assert (proof["closing"], proof["difference"]) == (major(receivable - available, currency), major(0, currency))
