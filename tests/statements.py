"""What a request asks of the database: its statements as they were sent, and how the database would run one."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from flask import Flask

from billing_api.database import db, enter, transaction
from billing_api.web.written import Shelf
from tests.factories import Tenant


@contextmanager
def recorded(app: Flask) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that the application sends meanwhile, with its parameters; of what was written before, nothing
    is kept."""
    app.extensions["shelf"] = Shelf()
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        seen.append((statement, parameters))

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
        app.extensions["shelf"] = Shelf()


def plan_of(tenant: Tenant, path: str, table: str) -> dict[str, Any]:
    """The plan, with figures of its run, of the first statement of a GET that reads this table; run by the service's
    own role, inside the walls of the tenant."""
    with recorded(tenant.app) as seen:
        answer = tenant.get(path)
    assert answer.status_code == 200, answer.text
    start = re.compile(rf"SELECT (CAST\()?{table}\.")
    # Ahead of the first statement, in the same text, stands what announces the tenant.
    statement, parameters = next((text.rpartition(";")[2], given) for text, given in seen if start.search(text))
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        connection = db.session.connection()
        found = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar()
    plan: dict[str, Any] = (found if isinstance(found, list) else json.loads(found))[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan, the topmost first."""
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def rows_read(plan: dict[str, Any]) -> int:
    """How many rows the plan took from its tables, those that a filter threw away included."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Relation Name" in node
    )
