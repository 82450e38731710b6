"""The register of every number that a document has, and the counters of the series that they were taken from."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from billing_api.database import ask, db
from billing_api.errors import Conflict, Fault
from billing_api.inserting import wait_ahead
from billing_api.numbering.models import DocumentNumber, NumberSeries
from billing_api.statement import Statement
from billing_api.unit_of_work import unit
from billing_api.violations import look_later, on_violation


class NumberTaken(Conflict):
    """Another document of the organization has this number already; capitals do not count, and invoices and credit
    notes share their numbers. `number` says which. Where a series has come to it, give the series another pattern,
    which then holds at once."""

    code = "number-taken"
    title = "The number is taken"

    def __init__(self, number: str | None = None, *, pointer: str | None = None) -> None:
        detail = "Another document has the number." if number is None else f"Another document has the number {number}."
        faults = [] if pointer is None else [Fault(self.code, detail, pointer)]
        super().__init__(detail, faults=faults, members={} if number is None else {"number": number})


_TAKEN = "pk_document_numbers"
look_later([_TAKEN])
on_violation(_TAKEN, NumberTaken)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, where it stands in its series, and the date on which it is given."""

    text: str
    series_id: uuid.UUID
    period: str | None
    value: int | None
    """None for an imported number that the series would never have given."""
    issue_date: dt.date


Count = Mapping[str, Any]
"""What a counter is set to."""

_ENTER = """
INSERT INTO document_numbers (
    organization_id, number_key, number, series_id, period, sequence_value, issue_date, document_type, document_id,
    is_imported
)
VALUES (
    %(organization_id)s, %(number_key)s, %(number)s, %(series_id)s, %(period)s, %(sequence_value)s, %(issue_date)s,
    %(document_type)s, %(document_id)s, %(is_imported)s
)
"""
# A conflict that is told apart from others: the refusal names the number, and the transaction can still be read.
_UNLESS_TAKEN = "ON CONFLICT (organization_id, number_key) DO NOTHING RETURNING number_key"
_COUNT = """
WITH counted AS (
    INSERT INTO number_counters (organization_id, series_id, period, last_value, last_issue_date, first_value)
    VALUES (
        %(organization_id)s, %(series_id)s, %(counted_period)s, %(last_value)s, %(last_issue_date)s, %(first_value)s
    )
    ON CONFLICT (organization_id, series_id, period) DO UPDATE SET
        last_value = excluded.last_value, last_issue_date = excluded.last_issue_date,
        first_value = excluded.first_value
)
"""


def count(named: str, value: int, on: dt.date, first: int | None) -> Count:
    """What the counter of a locked series is set to with a number."""
    return {"counted_period": named, "last_value": value, "last_issue_date": on, "first_value": first}


def enter(
    number: Number, document_type: str, document_id: uuid.UUID, counted: Count | None, *, is_imported: bool = False
) -> None:
    """Enter a number for its document, and set the counter of its series in the same statement.

    A number that is counted goes with what is written next. That it is taken is rare, and undoes the transaction, which
    is run again, and then looks.

    Raises:
        NumberTaken: another document has it.
    """
    row = {
        "organization_id": unit().tenant,
        "number_key": number.text.casefold(),
        "number": number.text,
        "series_id": number.series_id,
        "period": number.period,
        "sequence_value": number.value,
        "issue_date": number.issue_date,
        "document_type": document_type,
        "document_id": document_id,
        "is_imported": is_imported,
    }
    values, text = {**row, **(counted or {})}, _ENTER if counted is None else _COUNT + _ENTER
    if not is_imported and not unit().is_again:
        wait_ahead(db.session(), Statement(text, values))
    elif not ask(Statement(text + _UNLESS_TAKEN, values), {}):
        raise NumberTaken(number.text, pointer="/number" if is_imported else None)


def mark_voided(document_id: uuid.UUID, at: dt.datetime) -> None:
    """Say in the register when the document of a number was voided, as the document says it. The number stays taken.

    Raises:
        LookupError: the document has no number, or was voided before; its own room should have seen that.
    """
    voided = (
        sa.update(DocumentNumber)
        .where(
            DocumentNumber.organization_id == unit().tenant,
            DocumentNumber.document_id == document_id,
            DocumentNumber.voided_at.is_(None),
        )
        .values(voided_at=at)
        .returning(DocumentNumber.number_key)
    )
    if db.session.scalar(voided) is None:
        raise LookupError("no number of this document stands to be voided")


def is_occupied(series: NumberSeries, named: str, value: int) -> bool:
    """Whether a number stands at this value: with a month in the pattern, two may name the same."""
    query = sa.select(sa.literal(True)).where(
        DocumentNumber.organization_id == unit().tenant,
        DocumentNumber.series_id == series.id,
        DocumentNumber.period == named,
        DocumentNumber.sequence_value == value,
    )
    return bool(db.session.scalar(query))
