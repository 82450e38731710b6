"""Organizations by the thousand: what one sign-up left behind is cast again, for somebody else, in one statement.

Each test begins with a new organization, and to let each come in by the front door was a seventh of the time of all
tests. What a sign-up writes is read from the database, so that nothing is known here of what that is; the rows go in
through the application's own role and the wall between tenants.
"""

import datetime as dt
import itertools
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from billing_api import clock, opaque_tokens
from billing_api.database import Base, db, enter, transaction

_TIME = re.compile(r'"(\d{4}-\d\d-\d\dT[\d:.]+[+]00:00)"')
_MOMENT = dt.timedelta(minutes=1)
"""What was written within it was written at once."""
_numbers = itertools.count(1)

Row = dict[str, Any]


@dataclass(frozen=True)
class Cast:
    """Who came in, and what a login would have given them."""

    organization_id: uuid.UUID
    user_id: uuid.UUID
    session_id: uuid.UUID
    email: str
    refresh_token: str


class Mould:
    """What an organization has from its sign-up, before it has done anything of its own."""

    def __init__(self, organization_id: uuid.UUID) -> None:
        """Read them, in the application's context."""
        with transaction(read_only=True):
            enter(organization_id)
            rows = {table.name: _rows(table) for table in Base.metadata.tables.values() if _is_owned(table)}
        self._rows = {table: found for table, found in rows.items() if found}
        (self._user,), (self._session,) = self._rows["users"], self._rows["sessions"]
        (self._token,) = self._rows["refresh_tokens"]
        self._organization_id = str(organization_id)
        self._ids = sorted(row["id"] for found in rows.values() for row in found if "id" in row)
        self._text = json.dumps(self._rows)
        self._times = {text: dt.datetime.fromisoformat(text) for text in _TIME.findall(self._text)}
        self._statement = sa.text(_insertion(self._rows))

    def cast(self) -> Cast:
        """Another organization, founded just now, in the application's context."""
        # In the order of the old ones, by which rows of one moment are listed.
        ids = {old: uuid7() for old in self._ids}
        email = f"owner{next(_numbers)}-{uuid.uuid4().hex[:8]}@example.com"
        token = opaque_tokens.new("rt")
        words = {old: str(new) for old, new in ids.items()} | self._dated()
        words |= {self._user["email"]: email, self._token["digest"]: opaque_tokens.digest(token)}
        text = self._text
        for old, new in words.items():
            text = text.replace(old, new)
        organization_id = ids[self._organization_id]
        try:
            self._insert(organization_id, text)
        except DBAPIError as error:
            # A test before has broken the connections of the pool; that was told, and they are renewed.
            if not error.connection_invalidated:
                raise
            self._insert(organization_id, text)
        return Cast(organization_id, ids[self._user["id"]], ids[self._session["id"]], email, token)

    def _insert(self, organization_id: uuid.UUID, rows: str) -> None:
        with transaction():
            enter(organization_id)
            db.session.execute(self._statement, {"rows": rows})

    def _dated(self) -> dict[str, str]:
        """The times of the old one as those of the new one: now, and what ends later as long after that."""
        now, first = clock.now(), min(self._times.values())
        spans = {text: time - first for text, time in self._times.items()}
        return {text: (now + (span if span > _MOMENT else dt.timedelta())).isoformat() for text, span in spans.items()}


def _is_owned(table: sa.Table) -> bool:
    return table.name == "organizations" or "organization_id" in table.columns


def _rows(table: sa.Table) -> list[Row]:
    """Those behind the wall."""
    return list(db.session.scalars(sa.text(f"SELECT to_jsonb(t) FROM {table.name} t")))  # noqa: S608 - our own


def _insertion(tables: Iterable[str]) -> str:
    """All rows in one statement, at whose end they must fit each other: so they need no order."""
    parts = (
        f"in_{table} AS (INSERT INTO {table} SELECT r.* FROM given, jsonb_populate_recordset(NULL::{table}, "  # noqa: S608
        f"given.tables -> '{table}') r)"
        for table in tables
    )
    return f"WITH given AS (SELECT CAST(:rows AS jsonb) AS tables), {', '.join(parts)} SELECT"
