"""The statement of a customer: every movement between two days, and the proof that books and documents agree."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from billing_api.credit_notes.models import CreditNote
from billing_api.customers import service as customers
from billing_api.customers.models import Customer
from billing_api.database import db
from billing_api.domain.statements import reconciled
from billing_api.errors import Fault, Malformed
from billing_api.invoices.models import Invoice
from billing_api.invoices.queries import DUE
from billing_api.ledger.models import LedgerEntry, LedgerPosting, Source
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.payments.models import Payment, Refund
from billing_api.reports.service import last_day
from billing_api.unit_of_work import unit


class ReportTooLong(Malformed):
    """The period holds more than a report shows at once. Ask for a shorter one, and put the parts together: each
    begins where the one before it ends."""

    code = "report-too-long"
    title = "The period is too long for one report"


MOST_LINES = 10_000
_OWN = ("accounts_receivable", "customer_credit")
"""The accounts that say how a customer and the seller stand to each other."""
_INVOICES, _CREDIT_NOTES = Invoice.__table__, CreditNote.__table__
_PAYMENTS, _REFUNDS = Payment.__table__, Refund.__table__


def read(customer_id: uuid.UUID, start: dt.date | None, end: dt.date | None, currency: str | None) -> dict[str, Any]:
    """The movements of a customer in a currency from one day to another, both included; amounts in minor units. The
    first day is that of the customer's books by default, the last one `last_day`.

    Raises:
        NotFound: there is no such customer.
        Malformed: the last day lies before the first; or the customer has several currencies, and none is named.
        ReportTooLong: more than MOST_LINES lines.
    """
    customer, organization = customers.present(customer_id), organizations.current()
    end = end or last_day(organization)
    refuse_backwards(start, end)
    code = currency or _only_currency(customer, organization)
    start = start or _first_day(customer_id, code, end)
    opening, later = _around(customer_id, code, start, end)
    lines = _lines(customer_id, code, start, end, opening)
    closing = lines[-1]["balance"] if lines else opening
    proof = reconciled(opening, [(line["type"], line["amount"]) for line in lines])
    difference = closing - (_documents(customer_id, code) - later)
    told = {**asdict(proof), "closing": proof.closing, "difference": difference, "currency": code}
    return {
        "customer_id": customer_id,
        "currency": code,
        "from": start,
        "to": end,
        "opening": opening,
        "lines": lines,
        "closing": closing,
        "reconciliation": told,
    }


def refuse_backwards(start: dt.date | None, end: dt.date) -> None:
    """Refuse a period that ends by default before it begins. Raises Malformed."""
    if start is not None and end < start:
        detail = f"It would end on {end}, before it begins."
        raise Malformed(detail, faults=[Fault("period-runs-backwards", detail, parameter="from")])


def _only_currency(customer: Customer, organization: Organization) -> str:
    """The one in which the customer has entries; where there are none yet, that of the next invoice."""
    least, greatest = sa.func.min(LedgerEntry.currency), sa.func.max(LedgerEntry.currency)
    first, last = (db.session.scalar(sa.select(one).where(*_of(customer.id))) for one in (least, greatest))
    if first != last:
        detail = f"The customer has entries in several currencies, such as {first} and {last}: name one."
        raise Malformed(
            "A query parameter is missing.", faults=[Fault("currency-required", detail, parameter="currency")]
        )
    return first or customer.currency or organization.default_currency


def _first_day(customer_id: uuid.UUID, code: str, end: dt.date) -> dt.date:
    first = db.session.scalar(sa.select(sa.func.min(LedgerEntry.entry_date)).where(*_of(customer_id, code)))
    return min(first or end, end)


def _around(customer_id: uuid.UUID, code: str, start: dt.date, end: dt.date) -> tuple[int, int]:
    """What was moved before the first day, and after the last one."""
    outside = sa.or_(LedgerEntry.entry_date < start, LedgerEntry.entry_date > end)
    query = (
        sa.select(LedgerEntry.entry_date < start, sa.func.sum(LedgerPosting.amount))
        .join(LedgerPosting.entry)
        .where(*_of(customer_id, code), LedgerPosting.account.in_(_OWN), outside)
        .group_by(LedgerEntry.entry_date < start)
    )
    sums = {is_before: int(amount) for is_before, amount in db.session.execute(query)}
    return sums.get(True, 0), sums.get(False, 0)


def _lines(customer_id: uuid.UUID, code: str, start: dt.date, end: dt.date, opening: int) -> list[dict[str, Any]]:
    rows = _moving(customer_id, code, start, end)
    if len(rows) > MOST_LINES:
        detail = f"The period has more than {MOST_LINES} lines."
        raise ReportTooLong(detail, faults=[Fault("out-of-range", detail, parameter="from")])
    balance, lines = opening, []
    for row in rows:
        balance += int(row.amount)
        lines.append(
            {
                "date": row.entry_date,
                "type": row.type,
                "object": {"type": row.object_type, "id": row.object_id},
                "number": row.number,
                "reference": row.reference,
                "currency": code,
                "amount": int(row.amount),
                "balance": balance,
            }
        )
    return lines


def _moving(customer_id: uuid.UUID, code: str, start: dt.date, end: dt.date) -> Sequence[Any]:
    """The entries that move anything, each with the number or the reference of its document."""
    moved = (
        sa.select(LedgerEntry.organization_id, LedgerEntry.id, sa.func.sum(LedgerPosting.amount).label("amount"))
        .join(LedgerPosting.entry)
        .where(*_of(customer_id, code), LedgerEntry.entry_date.between(start, end), LedgerPosting.account.in_(_OWN))
        .group_by(LedgerEntry.organization_id, LedgerEntry.id)
        .having(sa.func.sum(LedgerPosting.amount) != 0)
        .subquery()
    )
    return db.session.execute(
        sa.select(
            LedgerEntry.entry_date,
            LedgerEntry.type,
            LedgerEntry.object_type,
            LedgerEntry.object_id,
            moved.c.amount,
            sa.func.coalesce(_INVOICES.c.number, _CREDIT_NOTES.c.number).label("number"),
            sa.func.coalesce(_PAYMENTS.c.reference, _REFUNDS.c.reference).label("reference"),
        )
        .join(moved, _same(moved, LedgerEntry.id))
        .outerjoin(_INVOICES, _same(_INVOICES, LedgerEntry.object_id))
        .outerjoin(_CREDIT_NOTES, _same(_CREDIT_NOTES, LedgerEntry.object_id))
        .outerjoin(_PAYMENTS, _same(_PAYMENTS, LedgerEntry.object_id))
        .outerjoin(_REFUNDS, _same(_REFUNDS, LedgerEntry.object_id))
        .order_by(LedgerEntry.entry_date, LedgerEntry.created_at, LedgerEntry.id)
        .limit(MOST_LINES + 1)
    ).all()


def _same(table: sa.FromClause, id: sa.SQLColumnExpression[uuid.UUID]) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.organization_id == LedgerEntry.organization_id, table.c.id == id)


def _of(customer_id: uuid.UUID, code: str | None = None) -> tuple[sa.ColumnElement[bool], ...]:
    """The entries of a customer, or of those in one currency."""
    terms = (LedgerEntry.organization_id == unit().tenant, LedgerEntry.customer_id == customer_id)
    return terms if code is None else (*terms, LedgerEntry.currency == code)


def _documents(customer_id: uuid.UUID, code: str) -> int:
    """What the documents say that the customer owes now: the open invoices, less what the sources still hold."""
    owed = sa.select(sa.func.coalesce(sa.func.sum(DUE), 0)).where(
        Invoice.organization_id == unit().tenant,
        Invoice.customer_id == customer_id,
        Invoice.currency == code,
        # The index of what is owed is asked for in its own words; it holds what was given up, too.
        Invoice.status.in_(("open", "uncollectible")),
        Invoice.status == "open",
    )
    held = sa.select(sa.func.coalesce(sa.func.sum(Source.amount_available), 0)).where(
        Source.organization_id == unit().tenant,
        Source.customer_id == customer_id,
        Source.currency == code,
        Source.amount_available > 0,
    )
    return int(db.session.scalar(sa.select(owed.scalar_subquery() - held.scalar_subquery())) or 0)
