"""What a customer owes, and what stands in the accounts."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from billing_api import clock
from billing_api.customers import service as customers
from billing_api.database import db
from billing_api.domain.bookkeeping import ACCOUNTS
from billing_api.invoices.models import Invoice
from billing_api.invoices.queries import DUE, is_overdue
from billing_api.ledger.models import LedgerEntry, LedgerPosting, Source
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import unit

Query = sa.Select[*tuple[Any, ...]]
Term = sa.SQLColumnExpression[Any]


def balances(customer_id: uuid.UUID, currency: str | None) -> list[dict[str, Any]]:
    """What a customer owes and has to their credit, in minor units, for each currency in which there is anything.

    Raises:
        NotFound: there is no such customer.
    """
    customers.present(customer_id)
    rows: dict[str, dict[str, Any]] = {}
    for code, receivable, overdue, uncollectible in db.session.execute(_owed(customer_id, currency)):
        rows[code] = {"receivable": receivable, "overdue": overdue, "uncollectible": uncollectible}
    for code, credit in db.session.execute(_held(customer_id, currency)):
        rows.setdefault(code, {})["available_credit"] = credit
    return [_balance(code, rows[code]) for code in sorted(rows)]


def trial_balance(as_of: dt.date | None, currency: str | None) -> dict[str, Any]:
    """What was debited and credited to each account up to a day (`last_day`), in minor units of each currency."""
    on = as_of or last_day(organizations.current())
    rows = db.session.execute(_turnover(on, currency)).all()
    lines = [
        {
            "currency": code,
            "account": account,
            "debit": int(debit),
            "credit": int(credit),
            "balance": int(debit - credit),
        }
        for code, account, debit, credit in sorted(rows, key=lambda row: (row[0], ACCOUNTS.index(row[1])))
    ]
    return {"as_of": on, "lines": lines, "totals": _totals(lines)}


def last_day(organization: Organization) -> dt.date:
    """Where a report ends that was given no day: today, or on the last day of the books where that is later, as after a
    move westward."""
    last = db.session.scalar(
        sa.select(sa.func.max(LedgerEntry.entry_date)).where(LedgerEntry.organization_id == unit().tenant)
    )
    today = clock.today(organization.time_zone)
    return max(today, last or today)


def _owed(customer_id: uuid.UUID, currency: str | None) -> Query:
    query = (
        sa.select(
            Invoice.currency,
            _sum(DUE, Invoice.status == "open"),
            _sum(DUE, is_overdue()),
            _sum(DUE, Invoice.status == "uncollectible"),
        )
        .where(
            Invoice.organization_id == unit().tenant,
            Invoice.customer_id == customer_id,
            Invoice.status.in_(("open", "uncollectible")),
        )
        .group_by(Invoice.currency)
    )
    return query if currency is None else query.where(Invoice.currency == currency)


def _held(customer_id: uuid.UUID, currency: str | None) -> Query:
    query = (
        sa.select(Source.currency, sa.func.sum(Source.amount_available))
        .where(
            Source.organization_id == unit().tenant,
            Source.customer_id == customer_id,
            Source.amount_available > 0,
        )
        .group_by(Source.currency)
    )
    return query if currency is None else query.where(Source.currency == currency)


def _sum(amount: Term, condition: sa.ColumnElement[bool]) -> Term:
    return sa.func.coalesce(sa.func.sum(amount).filter(condition), 0)


def _balance(code: str, found: dict[str, Any]) -> dict[str, Any]:
    names = ("receivable", "overdue", "uncollectible", "available_credit")
    amounts = {name: int(found.get(name, 0)) for name in names}
    return {"currency": code, **amounts, "net": amounts["receivable"] - amounts["available_credit"]}


def _turnover(on: dt.date, currency: str | None) -> Query:
    amount = LedgerPosting.amount
    query = (
        sa.select(LedgerEntry.currency, LedgerPosting.account, _sum(amount, amount > 0), _sum(-amount, amount < 0))
        .join(LedgerPosting.entry)
        .where(LedgerEntry.organization_id == unit().tenant, LedgerEntry.entry_date <= on)
        .group_by(LedgerEntry.currency, LedgerPosting.account)
    )
    return query if currency is None else query.where(LedgerEntry.currency == currency)


def _totals(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[str, dict[str, Any]] = {}
    for line in lines:
        total = totals.setdefault(line["currency"], {"currency": line["currency"], "debit": 0, "credit": 0})
        total["debit"] += line["debit"]
        total["credit"] += line["credit"]
    return list(totals.values())
