"""Statements that the database parses and plans once for each connection.

The driver sends texts, and the plan of a short read takes longer than the read itself. So the first time that a
connection is sent a statement it is told to remember it, and then only by its name.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from weakref import WeakSet

import psycopg2
import sqlalchemy as sa
import structlog
from sqlalchemy.pool import PoolProxiedConnection

from billing_api.statement import Statement
from billing_api.unit_of_work import limits

FORGOTTEN = frozenset({"26000", "42P05"})
"""What PostgreSQL says where a pooler stands between (invalid_sql_statement_name, duplicate_prepared_statement): the
connection that was told is not the one that is asked. The same request may run again, and is understood."""
_KNOWN = "prepared statements"
_PARAMETER = re.compile(r"%\((\w+)\)s")

_pooled: WeakSet[sa.Engine] = WeakSet()
"""What speaks to a pooler, which gives each transaction another connection."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Form:
    """How a connection is told of a statement, and how it is asked."""

    name: str
    telling: str
    asking: str


def known(engine: sa.Engine, connection: PoolProxiedConnection, statements: Sequence[Statement]) -> str:
    """The text by which this connection is asked these statements, now that it knows those that it plans once. Raises
    what the driver does."""
    if engine in _pooled:
        return "; ".join(statement.text for statement in statements)
    forms = [None if statement.is_planned_anew else _form(statement.text) for statement in statements]
    told: set[str] = connection.info.setdefault(_KNOWN, set())
    for form in forms:
        if form and form.name not in told:
            # Each in a message of its own: of several that fail together it would be in doubt which were heard. Within
            # its limits, which no transaction may have set yet: it waits for who changes its tables.
            connection.cursor().execute(f"{limits()}; {form.telling}")
            told.add(form.name)
    asked = zip(forms, statements, strict=True)
    return "; ".join(form.asking if form else statement.text for form, statement in asked)


def note(engine: sa.Engine, error: psycopg2.Error) -> None:
    """Tell this database no more, where it turns out that others hear it."""
    if error.pgcode in FORGOTTEN and engine not in _pooled:
        _pooled.add(engine)
        log.warning("prepared statements", reason="a pooler keeps none, so each is planned anew")


@cache
def _form(statement: str) -> _Form:
    names = [*dict.fromkeys(_PARAMETER.findall(statement))]
    places = {name: f"${place}" for place, name in enumerate(names, start=1)}
    text = _PARAMETER.sub(lambda found: places[found[1]], statement).replace("%%", "%")
    name = f"billing_{hashlib.sha256(statement.encode()).hexdigest()[:16]}"
    given = f" ({', '.join(f'%({one})s' for one in names)})" if names else ""
    return _Form(name, f"PREPARE {name} AS {text}", f"EXECUTE {name}{given}")
