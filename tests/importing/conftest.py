"""Files to import, and the import as a function."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from billing_api.importing import Job, Kind, Reject, Tally, records, run
from tests.factories import Tenant


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
        return [(reject.line, fault.pointer, fault.code) for reject in self.rejects for fault in reject.faults]


Import = Callable[..., Imported]


@pytest.fixture
def take(tenant: Tenant) -> Import:
    def do(path: Path, kind: Kind, **settings: Any) -> Imported:
        rejects: list[Reject] = []
        with tenant.app.app_context(), path.open("rb") as file:
            job = Job(kind, tenant.organization_id, on_reject=rejects.append, **settings)
            return Imported(run(job, records(path, file, kind)), rejects)

    return do


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
