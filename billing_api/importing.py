"""Taking over customers and invoices of another system, batch by batch: run again, nothing comes twice."""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import marshmallow as ma
import psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from billing_api.customers import service as customers
from billing_api.customers.schemas import CustomerImport
from billing_api.database import announce, enter, transaction
from billing_api.errors import BillingError, Fault, Invalid, NotFound, Unavailable
from billing_api.intake import Record, UnreadableFile, Values, json_lines
from billing_api.intake_table import table
from billing_api.invoices import adoption
from billing_api.invoices.imports import InvoiceImport
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.web.bulk import load, outcomes_of
from billing_api.web.errors import refusal_for

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds after each attempt at a batch that the database did not take; each may have waited for a lock before."""


class Interrupted(Exception):
    """The database did not take a batch, however often it was tried; the message is one line."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is imported: its form, the member by which it is known again, how it is made of several bodies (None for one
    that is there already), and how many are kept together."""

    schema: ma.Schema
    key: str
    make: Callable[[list[Values]], Sequence[object | None]]
    at_once: int
    batch: int
    """As many as one transaction takes; while it lasts nobody else gets a number, or is told an event."""
    document: str | None = None
    """The column whose rows belong together."""
    fold: Callable[[str], str] = str
    """What of two keys is compared."""
    demand: Callable[[Organization], None] = field(default=lambda _: None)
    """Raises what speaks against the whole, before the first record is read."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was not taken: its key, and each fault with the line of the file at which it is to be mended."""

    key: str | None
    faults: tuple[tuple[int, Fault], ...]


@dataclass(slots=True)
class Tally:
    """How many records were imported, were there already, and were rejected."""

    imported: int = 0
    present: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """An import: what of, for whom, and what is told meanwhile."""

    kind: Kind
    organization_id: uuid.UUID
    dry_run: bool = False
    on_reject: Callable[[Reject], None] = field(default=lambda _: None)
    on_batch: Callable[[], None] = field(default=lambda: None)
    pauses: Sequence[float] = PAUSES


def of_customers() -> Kind:
    """Customers, each known by its `external_id`; one that is there stays as it is."""
    return Kind(CustomerImport(), "external_id", customers.create_missing, at_once=50, batch=200)


def of_invoices(opening_date: dt.date | None = None) -> Kind:
    """Issued invoices, each known by its `number`; the books have what is open from the opening date on, which `run`
    refuses where it lies in the future."""
    return Kind(
        InvoiceImport(),
        "number",
        partial(adoption.adopt_several, opening_date=opening_date),
        at_once=20,
        batch=100,
        document="number",
        fold=str.casefold,
        demand=partial(adoption.refuse_future, opening_date),
    )


def records(path: Path, file: BinaryIO, kind: Kind) -> Iterator[Record]:
    """The records of an open file, whose name says what it is. It is read twice: a key under which it says different
    things, or in rows that do not follow each other, is known only at its end, and each record with it is refused.

    Raises:
        UnreadableFile: it is neither .csv nor .jsonl, is empty, or cannot be read.
    """
    readers: dict[str, Callable[[BinaryIO], Iterator[Record]]] = {
        ".jsonl": json_lines,
        ".csv": partial(table, schema=kind.schema, document=kind.document),
    }
    if path.suffix.lower() not in readers:
        raise UnreadableFile("its name ends neither in .csv nor in .jsonl")
    if not file.read(1):
        raise UnreadableFile("it is empty")
    file.seek(0)
    return _unambiguous(readers[path.suffix.lower()], file, kind)


def _unambiguous(read: Callable[[BinaryIO], Iterator[Record]], file: BinaryIO, kind: Kind) -> Iterator[Record]:
    said: dict[int, int] = {}
    twice: set[int] = set()
    for record in read(file):
        key = _key(kind, record)
        # Two numbers for each record, and no text: a file may have a million.
        if key is not None and said.setdefault(key, record.content) != record.content:
            twice.add(key)
    del said
    file.seek(0)
    detail = f"The file has this {kind.key} in another place, too, and says something else there."
    refusal = Invalid(faults=[Fault("key-twice", detail, f"/{kind.key}")])
    for record in read(file):
        is_clear = record.refusal is not None or _key(kind, record) not in twice
        yield record if is_clear else replace(record, refusal=refusal)


def _key(kind: Kind, record: Record) -> int | None:
    key = record.values.get(kind.key)
    return hash(kind.fold(key.strip())) if isinstance(key, str) and key.strip() else None


def run(job: Job, found: Iterable[Record]) -> Tally:
    """Import the records, each batch in a transaction of its own. What was kept stays when a later batch fails, and is
    passed over when the whole is run again.

    Raises:
        NotFound: there is no such organization.
        OrganizationClosed
        Invalid: what is asked of the whole cannot be, such as an opening date in the future.
        Interrupted: the database cannot be had, for longer than the pauses of the job.
    """
    tally = Tally()
    with transaction(read_only=True):
        enter(job.organization_id)
        job.kind.demand(_organization(job.organization_id))
    for batch in _batches(found, job.kind.batch):
        for record, outcome in zip(batch, _kept(job, batch, tally), strict=True):
            if isinstance(outcome, BillingError):
                tally.rejected += 1
                job.on_reject(_reject(job.kind, record, outcome))
            elif outcome is None:
                tally.present += 1
            else:
                tally.imported += 1
        job.on_batch()
    return tally


def _organization(id: uuid.UUID) -> Organization:
    try:
        return organizations.open_one()
    except NotFound:
        raise NotFound(f"There is no organization with the id {id}.") from None


def _batches(found: Iterable[Record], size: int) -> Iterator[list[Record]]:
    left = iter(found)
    while batch := list(islice(left, size)):
        yield batch


def _kept(job: Job, batch: Sequence[Record], so_far: Tally) -> list[Any]:
    """What became of each record; a batch that was undone by a fault of the moment runs again. One that was kept after
    all, though its connection broke at the end, is found to be there already."""
    for pause in (*job.pauses, None):
        try:
            return _attempt(job, batch)
        except (DBAPIError, PoolTimeout, psycopg2.OperationalError, Unavailable) as error:
            refusal = refusal_for(error)
            if not isinstance(refusal, Unavailable):
                raise
            if pause is None:
                raise Interrupted(_of_interruption(job, batch, so_far, refusal)) from error
            time.sleep(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _attempt(job: Job, batch: Sequence[Record]) -> list[Any]:
    with transaction(dry_run=job.dry_run):
        enter(job.organization_id)
        # Ahead of the first savepoint, whose end would take the tenant with it.
        announce()
        return _outcomes(job.kind, batch)


def _of_interruption(job: Job, batch: Sequence[Record], so_far: Tally, refusal: Unavailable) -> str:
    kept = "" if job.dry_run else f" What was kept before stays ({so_far.imported:,} imported): run it again."
    return (
        f"the database did not take the records from line {batch[0].line} on, in {len(job.pauses) + 1} attempts: "
        f"{refusal.detail}{kept}"
    )


def _outcomes(kind: Kind, batch: Sequence[Record]) -> list[Any]:
    outcomes: list[Any] = []
    for some in _batches(batch, kind.at_once):
        loaded = [record.refusal or _loaded(kind, record) for record in some]
        outcomes += outcomes_of(loaded, kind.make)
    return outcomes


def _loaded(kind: Kind, record: Record) -> Values | Invalid:
    found = load(kind.schema, record.values)
    if not record.faults:
        return found
    return Invalid(faults=[*record.faults, *(found.faults if isinstance(found, Invalid) else ())])


def _reject(kind: Kind, record: Record, refusal: BillingError) -> Reject:
    key = record.values.get(kind.key)
    faults = refusal.faults or (Fault(refusal.code, refusal.detail, ""),)
    told = tuple((record.line_of(fault), fault) for fault in faults)
    return Reject(key if isinstance(key, str) else None, told)
