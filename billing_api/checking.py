"""The invariants of the domain, stated as SQL, and the search for what breaks them.

They stand in `invariants/*.sql`: a line `-- name: sentence` (further lines of comment go on with it), and a query for
what breaks it, with the organization, the row and what is wrong; `:currencies` stands for the rows of all currencies,
each with how many minor units it has. The database enforces most of them itself; this finds what came past it, and what
no constraint can say.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.resources import files
from queue import SimpleQueue
from typing import Any

import psycopg2.errors
from psycopg2 import sql

from billing_api.domain.money import CURRENCY_CODES, currency
from billing_api.postgres_cluster import connect

MOST_SHOWN = 20
READERS = 2
"""How many connections look for breaches at once. More would help on more cores, and take as much memory each."""

_SETTINGS = (
    # Refused is better than an empty answer that policies made empty.
    "row_security = off",
    # What a query hashes is kept in memory, some hundred thousand invoices long.
    "work_mem = '128MB'",
    # Each query runs once: compiling it costs more than it saves. And the readers are parallel already.
    "jit = off",
    "max_parallel_workers_per_gather = 0",
)
_CURRENCIES = "VALUES " + ", ".join(f"('{code}', {10 ** currency(code).decimals})" for code in CURRENCY_CODES)
_HEAD = re.compile(r"^-- ([a-z-]+): ((?:.+\n)(?:-- .+\n)*)", re.MULTILINE)

REFERENCES = """
SELECT conname::text, conrelid::regclass::text, confrelid::regclass::text,
    ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k (n, o)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY o),
    ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k (n, o)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY o)
FROM pg_constraint c
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
  -- A row that must name another one of its organization has an organization if that other one has.
  AND NOT (confrelid = 'organizations'::regclass AND EXISTS (
      SELECT FROM pg_constraint o
      WHERE o.contype = 'f' AND o.conrelid = c.conrelid AND o.confrelid NOT IN (c.conrelid, c.confrelid)
        AND o.conkey @> c.conkey
        AND NOT EXISTS (SELECT FROM pg_attribute
                        WHERE attrelid = o.conrelid AND attnum = ANY (o.conkey) AND NOT attnotnull)))
ORDER BY 1
"""


class SeesTooLittle(Exception):
    """The role is not shown the rows of all tenants, so that it cannot tell; the message is one line."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence that holds, and the query for what breaks it."""

    name: str
    sentence: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """An organization, one of its rows, and what is wrong with it; of the database itself there are neither."""

    organization_id: uuid.UUID | None
    id: uuid.UUID | None
    detail: str


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that does not hold: how many rows break it, and the first of them."""

    invariant: Invariant
    count: int
    findings: Sequence[Finding]

    def __str__(self) -> str:
        shown = "; ".join(f"{found.id or 'database'} ({found.detail})" for found in self.findings)
        more = f"; and {self.count - len(self.findings)} more" if self.count > len(self.findings) else ""
        return f"{self.invariant.name}: {self.invariant.sentence} Not so for {self.count}: {shown}{more}"


def stated() -> list[Invariant]:
    """The invariants as they stand in the files."""
    found = []
    for file in sorted(files("billing_api").joinpath("invariants").iterdir(), key=lambda file: file.name):
        text = file.read_text(encoding="utf-8").replace(":currencies", _CURRENCIES)
        heads = list(_HEAD.finditer(text))
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            sentence = " ".join(line.removeprefix("-- ") for line in head[2].splitlines())
            query = text[head.end() : following.start() if following else None].strip()
            found.append(Invariant(head[1], sentence, query))
    return found


def check(url: str) -> tuple[list[Breach], int]:
    """What is broken in the database at this address, all of it as of one moment, and how many invariants there are.

    Raises:
        SeesTooLittle: the role does not pass row-level security.
    """
    with ExitStack() as stack:
        cursors = [stack.enter_context(closing(connect(url))).cursor() for _ in range(READERS)]
        _share_moment(cursors)
        try:
            return search(*cursors)
        except psycopg2.errors.InsufficientPrivilege:
            raise SeesTooLittle(
                "the role does not see the rows of all tenants: give MIGRATION_DATABASE_URL the owner's, "
                "which has BYPASSRLS"
            ) from None


def search(*cursors: Any) -> tuple[list[Breach], int]:
    """What is broken, as the transactions of these cursors see it, and how many invariants there are. Each cursor has
    a connection of its own, and all of them see the same."""
    invariants = [*stated(), _references(cursors[0])]
    free: SimpleQueue[Any] = SimpleQueue()
    for cursor in cursors:
        free.put(cursor)

    def look(invariant: Invariant) -> Breach | None:
        cursor = free.get()
        try:
            return _broken(cursor, invariant)
        finally:
            free.put(cursor)

    with ThreadPoolExecutor(len(cursors)) as readers:
        # The longest stands last, and begins first, so that no reader has to wait for another's end.
        found = list(readers.map(look, reversed(invariants)))
    return [breach for breach in reversed(found) if breach], len(invariants)


def _share_moment(cursors: Sequence[Any]) -> None:
    """Begin a transaction for each cursor that reads, and all of them see what the first one does."""
    for cursor in cursors:
        cursor.connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
    cursors[0].execute("SELECT pg_export_snapshot()")
    (snapshot,) = cursors[0].fetchone()
    for cursor in cursors[1:]:
        cursor.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
    for cursor in cursors:
        for setting in _SETTINGS:
            cursor.execute(f"SET LOCAL {setting}")


def _broken(cursor: Any, invariant: Invariant) -> Breach | None:
    cursor.execute(
        f"SELECT found.*, count(*) OVER () FROM ({invariant.query}\n) AS found (organization_id, id, detail) "  # noqa: S608
        f"ORDER BY 1, 2, 3 LIMIT {MOST_SHOWN}"
    )
    rows = cursor.fetchall()
    if not rows:
        return None
    found = [
        Finding(owner and uuid.UUID(str(owner)), id and uuid.UUID(str(id)), detail) for owner, id, detail, _ in rows
    ]
    return Breach(invariant, rows[0][3], found)


def _references(cursor: Any) -> Invariant:
    """Every foreign key again, in case rows came past it: a restored backup, a session without triggers."""
    cursor.execute(REFERENCES)
    queries = [_orphans(*row).as_string(cursor) for row in cursor.fetchall()]
    sentence = "Every row that another one names is there, and of the same organization."
    return Invariant("reference-leads-somewhere", sentence, "\nUNION ALL\n".join(queries))


def _orphans(name: str, table: str, target: str, own: Sequence[str], other: Sequence[str]) -> sql.Composed:
    columns = list(_pairs(own, other))
    return sql.SQL(
        "SELECT {organization}, NULL::uuid, {name} FROM {table} c LEFT JOIN {target} p ON {match} "
        "WHERE {given} AND p.{key} IS NULL"
    ).format(
        organization=sql.SQL("c.organization_id" if "organization_id" in own else "NULL::uuid"),
        name=sql.Literal(name),
        table=sql.Identifier(table),
        target=sql.Identifier(target),
        match=sql.SQL(" AND ").join(sql.SQL("c.{} = p.{}").format(one, two) for one, two in columns),
        given=sql.SQL(" AND ").join(sql.SQL("c.{} IS NOT NULL").format(one) for one, _ in columns),
        key=columns[0][1],
    )


def _pairs(own: Sequence[str], other: Sequence[str]) -> Iterator[tuple[sql.Identifier, sql.Identifier]]:
    for one, two in zip(own, other, strict=True):
        yield sql.Identifier(one), sql.Identifier(two)
