"""A query in, a page out: keyset pages, whose cost does not grow with their depth."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
import orjson
import sqlalchemy as sa
from cachetools import LRUCache
from flask import current_app, g
from itsdangerous import BadSignature, URLSafeSerializer
from marshmallow import fields, validate

from billing_api.database import ask, compiled, db, look
from billing_api.errors import Fault, Malformed
from billing_api.searching import Search
from billing_api.unit_of_work import unit
from billing_api.web import csv
from billing_api.web.fields import Choice, FlagText, IntegerText, Schema, Text
from billing_api.web.request import current_request
from billing_api.web.written import Standing, Writer


class CursorMalformed(Malformed):
    """A cursor belongs to the list, the filters, the sort order and the organization that it was given for. Begin again
    without one, or follow `Link: rel="next"` as it stands."""

    code = "cursor-malformed"
    title = "The cursor does not fit this list"


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column, or an expression over not-null columns, to sort by, and how to read a value back from its text."""

    expression: Any
    read: Callable[[Any], Any]

    def id_of(self, model: Any) -> Any:
        """The id that breaks its ties: of an object that is a row of two tables that of the key's own, because an index
        has columns of one table."""
        table = getattr(getattr(self.expression, "expression", self.expression), "table", None)
        return model.id if table is None else table.c.id


_statements: LRUCache[tuple[Any, ...], Any] = LRUCache(2_048)
"""Statements for pages, by their lists, and all that was asked; None for what was asked once."""
_lock = Lock()
_Page = tuple[Any, tuple[Any, Any] | None]
"""The items, or all of them as they were written; and what the last of them is sorted by, with its id, or None where no
more come after it."""


class PageQuery(Schema):
    """What every list takes."""

    limit = IntegerText(1, 100, load_default=50, metadata={"description": "Items on a page."})
    cursor = Text(
        2048, metadata={"description": "`next_cursor` of the page before.", "pattern": "^[A-Za-z0-9._-]{1,2048}$"}
    )
    include_total = FlagText(load_default=False, metadata={"description": "Count all that match, as `total_count`."})


def sort_field(*keys: str, default: str = "-created_at") -> Choice:
    """The `sort` parameter of a list: a key, or a key with `-` for descending."""
    return Choice(*[sign + key for key in keys for sign in ("", "-")], load_default=default)


def page_of(item: Schema, name: str) -> ma.Schema:
    """The schema of a page of these items."""
    members: dict[str, fields.Field[Any]] = {
        "data": fields.List(fields.Nested(item), required=True),
        "has_more": fields.Boolean(required=True),
        "next_cursor": fields.String(required=True, allow_none=True),
        "total_count": fields.Integer(
            validate=validate.Range(min=0), metadata={"description": "With include_total.", "x_optional": True}
        ),
    }
    page = Schema.from_dict(members, name=name)
    page.rows = ("data", *item.rows)  # type: ignore[attr-defined]  # a Schema of ours is what is made
    return page()


def paginate(
    search: Callable[[Mapping[str, Any]], sa.Select[Any]],
    arguments: Mapping[str, Any],
    keys: Mapping[str, SortKey],
    seek: Callable[[Mapping[str, Any]], Search | None] = lambda _: None,
    writer: Writer | None = None,
) -> dict[str, Any]:
    """One page of what is searched for, or of what is sought among it, in the order asked for; ties are broken by id,
    so that no row is met twice or missed. With a writer its items are written already, unless they are to stand in a
    table or with others beside them: then they are what it reads.

    Raises:
        CursorMalformed: the cursor was changed, or belongs to another list, filter, order or organization.
    """
    asked = _Asked(search, arguments, keys, seek(arguments))
    items, last = _read(asked) if writer is None else _write(asked, writer)
    secret = current_app.config["SECRET_KEY"]
    cursor = None if last is None else _seal(secret, *last, _binding(arguments))
    shown: dict[str, Any] = {"data": items, "has_more": cursor is not None, "next_cursor": cursor}
    if arguments["include_total"]:
        every = asked.sought.narrow(asked.query, asked.model) if asked.sought else asked.query
        count = sa.select(sa.func.count()).select_from(every.subquery())
        shown["total_count"] = db.session.scalar(count, asked.words)
    _link(cursor, "cursor")
    return shown


class _Asked:
    """What a client asks of a list, and the query for it, which is made when it is needed."""

    def __init__(
        self,
        search: Callable[[Mapping[str, Any]], sa.Select[Any]],
        arguments: Mapping[str, Any],
        keys: Mapping[str, SortKey],
        sought: Search | None,
    ) -> None:
        self.search, self.arguments, self.sought = search, arguments, sought
        self.limit: int = arguments["limit"]
        word: str = arguments["sort"]
        self.key, self.is_down = keys[word.removeprefix("-")], word.startswith("-")
        self.words: dict[str, Any] = {"organization_id": unit().tenant}
        """The parameters of the query: the tenant, what is sought, and where the page before has ended."""
        if sought:
            self.words |= sought.parameters(self.limit + 1)
        if self.is_further:
            value, id = _open(arguments["cursor"], _binding(arguments))
            self.words |= {"last_value": self.key.read(value), "last_id": id}

    @property
    def is_further(self) -> bool:
        """Whether it is a page behind another."""
        return "cursor" in self.arguments

    @cached_property
    def query(self) -> sa.Select[Any]:
        """All that match."""
        return self.search(self.arguments)

    @property
    def model(self) -> Any:
        """What is listed."""
        return self.query.column_descriptions[0]["entity"]

    def page(self, *columns: Any) -> sa.Select[Any]:
        """These columns of the rows on the page, in their order, and of one more, with what they are sorted by."""
        page, id = self._behind(), self.key.id_of(self.model)
        if self.sought:
            # As an array, which is made first: reckoned in, what is gathered would make every way to the page look
            # alike.
            found = sa.func.array(self._found(self.sought, page).scalar_subquery())
            page = self.query.where(id == sa.any_(found))
        ordered = page.order_by(*((part.desc() if self.is_down else part.asc()) for part in (self.key.expression, id)))
        return ordered.with_only_columns(*columns, self.key.expression).limit(self.limit + 1)

    def versions(self, writer: Writer) -> sa.Select[Any]:
        """What tells of each row on the page how it stands."""
        # An id as text: of a page that is kept, none has to become more than that.
        return self.page(sa.cast(self.model.id, sa.Text).label("id"), self.model.version, *writer.facts)

    def _behind(self) -> sa.Select[Any]:
        """The rows of the query that come after the cursor; without one, all."""
        if not self.is_further:
            return self.query
        columns = sa.tuple_(self.key.expression, self.key.id_of(self.model))
        last = sa.tuple_(
            sa.bindparam("last_value", type_=self.key.expression.type),
            sa.bindparam("last_id", type_=self.model.id.type),
        )
        return self.query.where(columns < last if self.is_down else columns > last)

    def _found(self, search: Search, page: sa.Select[Any]) -> sa.TextualSelect:
        """The ids of what the search finds on a page, and one more."""
        id, place = self.key.id_of(self.model), self.key.expression
        references = [getattr(self.model, name) for name in search.references]
        is_on_page: Any = page.whereclause
        rows = sa.select(id, place.label("place"), *references).where(is_on_page)
        return search.first(rows, is_down=self.is_down, by_creation=place.key == "created_at")


def _read(asked: _Asked) -> _Page:
    rows = db.session.execute(asked.page(asked.model), asked.words).unique().all()
    limit = asked.limit
    return [row[0] for row in rows[:limit]], _last([(row[0].id, row[-1]) for row in rows], limit)


def _write(asked: _Asked, writer: Writer) -> _Page:
    """A page of what is kept, if all is; else as it stands in one moment with what has to be read."""
    request = current_request()
    is_plain, limit = "include" in request.args or csv.is_wanted(request), asked.limit
    rows: Sequence[Any] = ()
    items: Any = None
    if not is_plain:
        rows = _look(asked, writer)
        items = writer.page([tuple(row)[:-1] for row in rows[:limit]])
    if items is None:
        rows = db.session.execute(asked.versions(writer), asked.words).all()
        standings = _standings(writer, rows[:limit])
        items = writer.objects(standings) if is_plain else writer.written(standings)
    return items, _last([(row[0], row[-1]) for row in rows], limit)


def _look(asked: _Asked, writer: Writer) -> Sequence[Any]:
    statement = _statement(asked, writer)
    return look(asked.versions(writer), asked.words) if statement is None else ask(statement, asked.words, alone=True)


def _statement(asked: _Asked, writer: Writer) -> Any | None:
    """What finds the rows of a page, for every tenant and behind every cursor; None where nobody has asked for the same
    before, or by words that mean something else tomorrow. To make it takes as long as to ask three times without."""
    if asked.sought is not None or not writer.passing.isdisjoint(asked.arguments):
        return None
    terms = sorted((name, value) for name, value in asked.arguments.items() if name != "cursor")
    name = (writer.name, asked.is_further, *terms)
    with _lock:
        statement = _statements.get(name)
        if statement is None and name not in _statements:
            _statements[name] = None
            return None
    if statement is None:
        statement = compiled(asked.versions(writer), is_planned_anew=True)
        with _lock:
            _statements[name] = statement
    return statement


def _standings(writer: Writer, rows: Sequence[Any]) -> list[Standing]:
    return [writer.standing(id, version, *facts) for id, version, *facts, _ in rows]


def _last(rows: Sequence[tuple[Any, Any]], limit: int) -> tuple[Any, Any] | None:
    """What the last row of a page is sorted by, and its id; None where no more come after it."""
    if len(rows) <= limit:
        return None
    id, value = rows[limit - 1]
    return value, id


def sequence_page(rows: Sequence[Any], has_more: bool) -> dict[str, Any]:
    """One page of a list that is read in the order of its `sequence`, whose cursor is the last number and is given as
    `after`."""
    cursor = str(rows[-1].sequence) if has_more else None
    _link(cursor, "after")
    return {"data": rows, "has_more": has_more, "next_cursor": cursor}


def _link(cursor: str | None, parameter: str) -> None:
    if cursor:
        request = current_request()
        g.next_link = f"{request.path}?{urlencode({**request.args.to_dict(), parameter: cursor})}"


def _serializer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="cursor", signer_kwargs={"digest_method": hashlib.sha256})


def _binding(arguments: Mapping[str, Any]) -> str:
    """What a cursor is good for: this list of this organization under these filters in this order."""
    # As they were understood: a default that is written out is the same list, and so is an instant in another zone.
    filters = sorted(
        (name, str(value)) for name, value in arguments.items() if name not in {"cursor", "limit", "include_total"}
    )
    terms = repr((current_request().path, filters, str(unit().tenant)))
    return hashlib.sha256(terms.encode()).hexdigest()[:16]


@lru_cache(maxsize=512)
def _seal(secret: str, value: Any, id: Any, binding: str) -> str:
    """The cursor behind a row. Kept: the same first page is asked for again and again."""
    return str(_serializer(secret).dumps([orjson.loads(orjson.dumps(value)), str(id), binding]))


def _open(text: str, binding: str) -> tuple[Any, str]:
    try:
        value, id, bound = _serializer(current_app.config["SECRET_KEY"]).loads(text)
    except (BadSignature, ValueError):
        bound = None
    if bound != binding:
        raise CursorMalformed(faults=[Fault("cursor-malformed", "It does not fit this list.", parameter="cursor")])
    return value, id
