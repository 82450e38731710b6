"""The invariants of the domain, stated as SQL, and the search for what breaks them.

They stand in `invariants/*.sql`: a line `-- name: sentence` (further lines of comment go on with it), and a query for
what breaks it, with the organization, the row and what is wrong. The database enforces most of them itself; this finds
what came past it, and what no constraint can say.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg2.errors
from psycopg2 import sql

from billing_api.postgres_cluster import connect

MOST_SHOWN = 20
_HEAD = re.compile(r"^-- ([a-z-]+): ((?:.+\n)(?:-- .+\n)*)", re.MULTILINE)

REFERENCES = """
SELECT conname::text, conrelid::regclass::text, confrelid::regclass::text,
    ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k (n, o)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY o),
    ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k (n, o)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY o)
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1
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
        text = file.read_text(encoding="utf-8")
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
    with closing(connect(url)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
        with connection.cursor() as cursor:
            # Refused is better than an empty answer that policies made empty.
            cursor.execute("SET LOCAL row_security = off")
            cursor.execute("SET LOCAL work_mem = '64MB'")
            try:
                return search(cursor)
            except psycopg2.errors.InsufficientPrivilege:
                raise SeesTooLittle(
                    "the role does not see the rows of all tenants: give MIGRATION_DATABASE_URL the owner's, "
                    "which has BYPASSRLS"
                ) from None


def search(cursor: Any) -> tuple[list[Breach], int]:
    """What is broken, as the transaction of this cursor sees it, and how many invariants there are."""
    invariants = [*stated(), _references(cursor)]
    return [breach for one in invariants if (breach := _broken(cursor, one))], len(invariants)


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
