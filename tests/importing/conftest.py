"""Files to import, and the import as a function."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from billing_api import importing
from billing_api.embedded import Addresses
from billing_api.importing import Job, Kind, Reject, Tally, of_invoices
from tests.commands import Ended, typed
from tests.factories import Tenant, line
from tests.service_processes import environment, free_port


@dataclass
class Imported:
    """What an import came to."""

    tally: Tally
    rejects: list[Reject]

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.tally.imported, self.tally.present, self.tally.rejected

    @property
    def faults(self) -> list[tuple[int, str | None, str]]:
        return [(line, fault.pointer, fault.code) for reject in self.rejects for line, fault in reject.faults]


Import = Callable[..., Imported]
Run = Callable[..., Ended]


@pytest.fixture
def take(tenant: Tenant) -> Import:
    def do(path: Path, kind: Kind, **settings: Any) -> Imported:
        rejects: list[Reject] = []
        with tenant.app.app_context(), path.open("rb") as file:
            job = Job(kind, tenant.organization_id, on_reject=rejects.append, **settings)
            return Imported(importing.run(job, importing.records(path, file, kind)), rejects)

    return do


@pytest.fixture
def settings(addresses: Addresses, tmp_path: Path) -> dict[str, str]:
    urls = {"DATABASE_URL": addresses.service, "MIGRATION_DATABASE_URL": addresses.owner}
    return environment(tmp_path, free_port(), **urls)


@pytest.fixture
def run(settings: dict[str, str]) -> Run:
    def run(*words: object) -> Ended:
        return typed("import", *map(str, words), env=settings, timeout=1800)

    return run


def jsonl(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def sheet(path: Path, rows: Sequence[Mapping[str, Any]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def customers(count: int) -> list[dict[str, Any]]:
    return [{"external_id": f"C-{n}", "name": f"Customer {n}", "email": f"c{n}@example.com"} for n in range(count)]


def invoices(count: int, buyers: int) -> list[dict[str, Any]]:
    return [
        {
            "number": f"OLD-{n:06}", "issue_date": f"20{10 + n * 15 // count}-05-04",
            "lines": [line(), line(tax_rate="7")],
            "customer_external_id": f"C-{n % buyers}", "amount_paid": ("0", "226.00", "26.00")[n % 3],
        }
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def buyer(tenant: Tenant) -> str:
    return str(tenant.customer(external_id="C-1")["id"])


def old(number: str, **values: Any) -> dict[str, Any]:
    """An invoice over 119.00 of long ago."""
    return {"number": number, "issue_date": "2024-03-05", "customer_external_id": "C-1", "lines": [line()], **values}


def whole(tenant: Tenant, number: str) -> dict[str, Any]:
    (listed,) = tenant.get(f"/v1/invoices?number={number}").json["data"]
    found: dict[str, Any] = tenant.get(listed["links"]["self"]).json
    return found


def take_rejected(take: Import, tmp_path: Path, *bodies: dict[str, Any]) -> Imported:
    found = take(jsonl(tmp_path / "i.jsonl", list(bodies)), of_invoices())
    assert found.tally.imported == 0
    return found
