"""The tax of a period: what each document added to each tax group, tied to the books."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from billing_api import clock
from billing_api.credit_notes.models import CreditNote
from billing_api.credit_notes.parts import CreditNoteTaxGroup
from billing_api.database import db
from billing_api.errors import Fault
from billing_api.invoices.breakdown import InvoiceTaxGroup
from billing_api.invoices.models import Invoice
from billing_api.ledger.models import LedgerEntry, LedgerPosting
from billing_api.organizations import service as organizations
from billing_api.reports.service import Query, Term, last_day
from billing_api.reports.statements import MOST_LINES, ReportTooLong, refuse_backwards
from billing_api.unit_of_work import unit

_Issue = aliased(LedgerEntry)
_GROUP = ("currency", "category", "rate", "name")
_AMOUNTS = ("taxable_amount", "tax_amount")
_COMPARED = ("tax_amount", "tax_payable", "difference")


def summary(start: dt.date | None, end: dt.date | None, currency: str | None) -> dict[str, Any]:
    """What was taxed from one day to another, both included, in minor units: the current month up to
    `last_day` by default.

    Raises:
        Malformed: the last day lies before the first.
        ReportTooLong: more than MOST_LINES documents and groups.
    """
    organization = organizations.current()
    # The month is today's, also where the books have come to the next one before a move westward.
    start = start or (end or clock.today(organization.time_zone)).replace(day=1)
    end = end or last_day(organization)
    refuse_backwards(start, end)
    rows = db.session.execute(_documents(start, end, currency)).all()
    if len(rows) > MOST_LINES:
        detail = f"The period has more than {MOST_LINES} lines."
        raise ReportTooLong(detail, faults=[Fault("out-of-range", detail, parameter="from")])
    posted = {tuple(key): int(amount) for *key, amount in db.session.execute(_posted(start, end, currency))}
    groups = _compared(_grouped(rows), posted)
    return {"from": start, "to": end, "groups": groups, "totals": _totals(groups)}


def _grouped(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows, which come in the order of their groups, gathered."""
    groups: list[dict[str, Any]] = []
    for row in rows:
        group = {name: getattr(row, name) for name in _GROUP}
        if not groups or any(groups[-1][name] != group[name] for name in _GROUP):
            groups.append(_empty(group))
        amounts = {name: int(getattr(row, name)) for name in _AMOUNTS}
        groups[-1]["documents"].append(
            {
                "type": row.type,
                "id": row.id,
                "number": row.number,
                "date": row.date,
                **amounts,
                "currency": row.currency,
            }
        )
        for name in _AMOUNTS:
            groups[-1][name] += amounts[name]
    return groups


def _empty(group: dict[str, Any]) -> dict[str, Any]:
    return {**group, **dict.fromkeys(_AMOUNTS, 0), "documents": []}


def _compared(groups: list[dict[str, Any]], posted: dict[tuple[Any, ...], int]) -> list[dict[str, Any]]:
    """The groups, each beside what the books have of it; a tax of which only the books know has a group as well."""
    known = {tuple(group[name] for name in _GROUP) for group in groups}
    unknown = [key for key, amount in posted.items() if amount and key not in known]
    groups = groups + [_empty(dict(zip(_GROUP, key, strict=True))) for key in unknown]
    for group in groups:
        group["tax_payable"] = posted.get(tuple(group[name] for name in _GROUP), 0)
        group["difference"] = group["tax_amount"] - group["tax_payable"]
    # The names stay in the order of the database.
    return sorted(groups, key=lambda group: (group["currency"], group["category"], _falling(group["rate"])))


def _falling(rate: Decimal | None) -> tuple[bool, Decimal]:
    return rate is None, -(rate or Decimal(0))


def _totals(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[str, dict[str, Any]] = {}
    for group in groups:
        total = totals.setdefault(group["currency"], {"currency": group["currency"], **dict.fromkeys(_COMPARED, 0)})
        for name in _COMPARED:
            total[name] += group[name]
    return list(totals.values())


def _documents(start: dt.date, end: dt.date, currency: str | None) -> Query:
    """Every tax group of every document that was issued, or taken back, in the period."""
    parts = sa.union_all(
        _issued(start, end, currency), _voided(start, end, currency), _credited(start, end, currency)
    ).subquery()
    return (
        sa.select(parts)
        .order_by(
            parts.c.currency, parts.c.category, parts.c.rate.desc().nulls_last(), parts.c.name.nulls_first(),
            parts.c.date, parts.c.number, parts.c.id, parts.c.taxable_amount.desc(),
        )
        .limit(MOST_LINES + 1)
    )  # fmt: skip


def _issued(start: dt.date, end: dt.date, currency: str | None) -> Query:
    return _groups_of_invoices("invoice", 1, Invoice.issue_date, currency).where(
        Invoice.issued_on.between(start, end), Invoice.status != "draft"
    )


def _voided(start: dt.date, end: dt.date, currency: str | None) -> Query:
    return (
        _groups_of_invoices("invoice_void", -1, LedgerEntry.entry_date, currency)
        .join(LedgerEntry, _of_invoice(LedgerEntry, "invoice_voided"))
        .where(LedgerEntry.entry_date.between(start, end))
    )


def _credited(start: dt.date, end: dt.date, currency: str | None) -> Query:
    group, note = CreditNoteTaxGroup, CreditNote
    query: Query = (
        sa.select(
            sa.literal("credit_note").label("type"), note.id, note.number, note.dated_on.label("date"), note.currency,
            group.category, group.rate, group.name,
            (-group.taxable_amount).label("taxable_amount"), (-group.tax_amount).label("tax_amount"),
        )
        .join(group.credit_note)
        .where(note.organization_id == unit().tenant, note.type == "credit_note", note.dated_on.between(start, end))
    )  # fmt: skip
    return query if currency is None else query.where(note.currency == currency)


def _groups_of_invoices(type: str, sign: int, on: Term, currency: str | None) -> Query:
    """The groups of invoices, but for those that were carried over: their tax belongs to the books before."""
    group = InvoiceTaxGroup
    query: Query = (
        sa.select(
            sa.literal(type).label("type"), Invoice.id, Invoice.number, on.label("date"), Invoice.currency,
            group.category, group.rate, group.name,
            (sign * group.taxable_amount).label("taxable_amount"), (sign * group.tax_amount).label("tax_amount"),
        )
        .join(group.invoice)
        .where(
            Invoice.organization_id == unit().tenant,
            sa.or_(sa.exists().where(_of_invoice(_Issue, "invoice_issued")), _IS_NAUGHT),
        )
    )  # fmt: skip
    return query if currency is None else query.where(Invoice.currency == currency)


def _of_invoice(entry: type[LedgerEntry], type: str) -> sa.ColumnElement[bool]:
    return sa.and_(entry.organization_id == Invoice.organization_id, entry.object_id == Invoice.id, entry.type == type)


_IS_NAUGHT = sa.and_(
    Invoice.total_without_tax == 0, Invoice.tax_total == 0, Invoice.prepaid_amount == 0, Invoice.rounding_amount == 0
)
"""Nothing was to be entered of such an invoice, though its groups may say something."""


def _posted(start: dt.date, end: dt.date, currency: str | None) -> Query:
    """What the account moved in the period, for each group; a credit, which is owed to the tax office, is above zero
    here."""
    posting = LedgerPosting
    group = (LedgerEntry.currency, posting.tax_category, posting.tax_rate, posting.tax_name)
    query: Query = (
        sa.select(*group, -sa.func.sum(posting.amount))
        .join(posting.entry)
        .where(
            LedgerEntry.organization_id == unit().tenant,
            LedgerEntry.entry_date.between(start, end),
            posting.account == "tax_payable",
        )
        .group_by(*group)
    )
    return query if currency is None else query.where(LedgerEntry.currency == currency)
