"""A service that fails where a test says, and what a request has left in the database."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from billing_api.fault_points import Point
from config import Config
from tests.factories import Tenant
from tests.live_service import LiveService, serving
from tests.schema import connected, tenant_tables

POINTS: tuple[Point, ...] = get_args(Point)


@dataclass(frozen=True)
class Faults:
    """The folder that `BILLING_FAULTS` names."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)

    def arm(self, point: Point, deed: str) -> None:
        """Let the process that reaches this point first `kill` itself, `raise`, or `sleep SECONDS`."""
        assert point in POINTS
        # Moved into its place, so that nobody reads half of it.
        draft = self.folder / "draft"
        draft.write_text(deed)
        draft.rename(self.folder / point)

    def is_armed(self, point: Point) -> bool:
        """Whether nobody has been there yet."""
        return (self.folder / point).exists()


@contextlib.contextmanager
def serving_with_faults(config: Config, folder: Path) -> Iterator[tuple[LiveService, Faults]]:
    """The service as it runs for real, and where to say how it is to fail."""
    faults = Faults(folder / "faults")
    with serving(config, folder / "log", BILLING_FAULTS=str(faults.folder), BILLING_LOG_LEVEL="info") as service:
        yield service, faults


class Traces:
    """What an organization has in the database: how many rows in each table, and which events."""

    def __init__(self, url: str, tenant: Tenant) -> None:
        self._url, self._tenant = url, str(tenant.organization_id)

    def __call__(self) -> Counter[str]:
        """How many rows of each table, and how many events of each type; what is unchanged compares as equal."""
        with connected(self._url) as cursor:
            tables = [table for table in tenant_tables(cursor) if table != "organizations"]
            queries = [self._count(cursor, f"'{table}', count(*)", table, "") for table in tables]
            queries.append(self._count(cursor, "type, count(*)", "events", "GROUP BY type"))
            cursor.execute(" UNION ALL ".join(queries))
            return Counter(dict(cursor.fetchall()))

    def _count(self, cursor: Any, what: str, table: str, end: str) -> str:
        where = cursor.mogrify("WHERE organization_id = %s", [self._tenant]).decode()
        return f"SELECT {what} FROM {table} {where} {end}"  # noqa: S608 - our own tables
