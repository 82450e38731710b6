"""`billing-api import`: customers and issued invoices of another system."""

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import click
from flask.cli import with_appcontext

from billing_api.importing import Interrupted, Job, Kind, Reject, Tally, of_customers, of_invoices, records, run
from billing_api.intake import UnreadableFile
from billing_api.organization_command import NAMED, named

SHOWN = 50
"""So many rejected records are told on the screen where no file takes them."""

_FIRST = b'{"line": '
"""How a file of rejected records begins."""

_FILE = click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only try; each batch is judged by itself, and undone.")
_REJECTS = click.option(
    "--rejects",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="A file for the rejected records, one fault in each line as JSON.",
)


@click.group("import")
def imports() -> None:
    """Take over customers, then their issued invoices, from another system.

    FILE is .csv (UTF-8, separated by comma, semicolon or tab) or .jsonl (an object in each line, as a POST takes it, an
    invoice with its number). Columns of a .csv are dotted paths of the same members, such as:

    \b
    customers  external_id  name  email  net_terms_days  tax_ids.0.type
               tax_ids.0.value  billing_address.line1  metadata.KEY
    invoices   number  issue_date  customer_external_id  currency  amount_paid
               expected_total  status  line.description  line.quantity
               line.unit_price  line.tax_rate

    Dates are 2025-03-05, decimals 1234.50 (a point, and nothing between thousands), flags true or false. An empty cell
    says nothing.

    Rows that follow each other with one number are the lines of one invoice: each says its own "line." columns; all
    else stands in the first, and is empty or the same in the others.

    Run again, nothing comes twice: a customer who is there stays, and so does an invoice, which is rejected where it
    says something else now. Rejected records are told, all others are taken; exit code 1 says that there were some.
    """


@imports.command("customers")
@_FILE
@NAMED
@_DRY_RUN
@_REJECTS
@with_appcontext
def import_customers(path: Path, organization: str, dry_run: bool, rejects: Path | None) -> None:
    """Customers, each with its external_id; one that is there already stays as it is.

    Their e-mail addresses differ from each other. `billing-api import --help` says how FILE looks.
    """
    _import("customers", path, of_customers(), organization, dry_run=dry_run, rejects=rejects)


@imports.command("invoices")
@_FILE
@NAMED
@_DRY_RUN
@_REJECTS
@click.option(
    "--opening-date",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="From which day on the books have what is open; today unless given.",
)
@with_appcontext
def import_invoices(
    path: Path, organization: str, dry_run: bool, rejects: Path | None, opening_date: dt.datetime | None
) -> None:
    """Issued invoices, with their numbers, dates, and what was paid on them.

    The customers come first. `billing-api import --help` says how FILE looks.
    """
    kind = of_invoices(opening_date.date() if opening_date else None)
    _import("invoices", path, kind, organization, dry_run=dry_run, rejects=rejects)


def _import(what: str, path: Path, kind: Kind, organization: str, *, dry_run: bool, rejects: Path | None) -> None:
    _spare(path, rejects)
    organization_id = named(organization)
    try:
        with path.open("rb") as file, _report(rejects) as report, _progress(file, path, what) as bar:
            job = Job(kind, organization_id, dry_run, report.tell, bar)
            tally = run(job, records(path, file, kind))
    except (UnreadableFile, Interrupted) as error:
        raise click.ClickException(f"{path.name}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or path}: {error.strerror or error}") from None
    _sum_up(what, tally, report, dry_run=dry_run)
    sys.exit(1 if tally.rejected else 0)


def _spare(path: Path, rejects: Path | None) -> None:
    """Refuse to write over anything but the rejected records of an earlier import, the input above all."""
    if rejects is None or not rejects.is_file():
        return
    if rejects.samefile(path):
        raise click.UsageError("--rejects names the file that is to be imported.")
    try:
        with rejects.open("rb") as file:
            begins = file.read(len(_FIRST))
    except OSError as error:
        raise click.UsageError(f"--rejects: {rejects}: {error.strerror}") from None
    if begins not in {b"", _FIRST}:
        raise click.UsageError(f"--rejects: {rejects} is there and holds something else.")


class _Report:
    """The rejected records, as JSON lines."""

    def __init__(self, file: TextIO, limit: int | None) -> None:
        self._file, self._left = file, limit

    def tell(self, reject: Reject) -> None:
        """Write each fault of a record, as long as there is room."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                return
        for line, fault in reject.faults:
            told = {"line": line, "key": reject.key, "pointer": fault.pointer or ""}
            told |= {"code": fault.code, "detail": fault.detail}
            self._file.write(json.dumps(told, ensure_ascii=False) + "\n")
        self._file.flush()

    @property
    def untold(self) -> int:
        """How many records found no room."""
        return max(0, -(self._left or 0))


@contextmanager
def _report(rejects: Path | None) -> Iterator[_Report]:
    if rejects is None:
        yield _Report(sys.stderr, SHOWN)
    else:
        with rejects.open("w", encoding="utf-8") as file:
            yield _Report(file, None)


@contextmanager
def _progress(file: BinaryIO, path: Path, what: str) -> Iterator[Callable[[], None]]:
    with click.progressbar(length=path.stat().st_size, label=what, file=sys.stderr) as bar:
        yield lambda: bar.update(file.tell() - bar.pos)


def _sum_up(what: str, tally: Tally, report: _Report, *, dry_run: bool) -> None:
    if report.untold:
        click.echo(f"{report.untold:,} more rejected records are not shown; --rejects FILE takes all.", err=True)
    verb = "would be imported" if dry_run else "imported"
    click.echo(f"{what}: {tally.imported:,} {verb}, {tally.present:,} already there, {tally.rejected:,} rejected")
