"""New rows go to the database in one message, ahead of what else a session flushes.

By itself a session sends a statement for each table, and makes of each value a parameter. Here the rows of a table are
one JSON text, which the database takes apart by the types of its columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapper, RelationshipProperty

from billing_api import connections
from billing_api.statement import Statement
from billing_api.unit_of_work import unit

Row = dict[str, Any]
"""The values of a row by the names of its columns, but for nulls."""
Rows = dict[Mapper[Any], list[Row]]
Message = tuple[Sequence[Statement], Mapping[str, Any]]
"""Statements, and the values that they name."""
_WAITING = "what waits for the next message"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Statements that yield no rows, and new rows, which go behind them."""

    statements: list[Statement] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.statements or self.rows)


def as_row(mapper: Mapper[Any], known: Mapping[str, Any]) -> Row:
    """A row as it travels, of a model's attributes by their names."""
    # What a row does not name is null.
    return {column: value for column, name in _names_of(mapper) if (value := known[name]) is not None}


def wait(session: orm.Session, rows: Rows) -> None:
    """Let complete rows go in the next message that asks or writes, or ends the transaction."""
    waiting = _waiting(session)
    for mapper, several in rows.items():
        waiting.rows.setdefault(mapper, []).extend(several)


def wait_ahead(session: orm.Session, statement: Statement) -> None:
    """Let a statement that yields no rows, with all its values, go in the next message, ahead of the rows."""
    _waiting(session).statements.append(statement)


@contextmanager
def ahead(session: orm.Session) -> Iterator[Message]:
    """What goes ahead in the message that is sent here: the statements that wait, those that insert the rows that wait,
    and their values. If that fails, they wait on. Anything else that is new or changed is sent before, with what
    waits."""
    if session.new or session.dirty or session.deleted:
        session.flush()
    yield _message(session, _waiting(session))
    _forget(session)


class InsertingSession(orm.Session):
    """A session that inserts all that is new in one message, before it sends what has changed."""

    def flush(self, objects: Any = None) -> None:
        _insert_new(self)
        super().flush(objects)
        # What had to wait until the session had sent something by itself.
        _insert_new(self)


@event.listens_for(InsertingSession, "after_soft_rollback")
def _forget(session: orm.Session, _undone: object = None) -> None:
    session.info.pop(_WAITING, None)


def _waiting(session: orm.Session) -> _Waiting:
    waiting: _Waiting = session.info.setdefault(_WAITING, _Waiting())
    return waiting


def _insert_new(session: orm.Session) -> None:
    """What has rows in two tables, or bytes, which no JSON holds, is left to the session, with all that is new beside
    it, and the rows that wait go when this is called again."""
    if not unit().is_limited or not (session.new or _waiting(session)):
        return
    objects = _by_kind(session.new)
    if all(_is_plain(mapper) for mapper in objects):
        _insert(session, objects)


def insert_missing(engine: sa.Engine, model: type[Any], rows: Sequence[dict[str, Any]]) -> Sequence[Any]:
    """Insert those rows, by the names of attributes, that meet none which is there; what each lacks of its defaults is
    filled in. Returns the ids of those that were inserted. Raises what `connections.ask` does."""
    mapper = sa.inspect(model)
    for each in rows:
        _fill(mapper, each)
    statement = Statement(f"{_inserting(mapper).text} ON CONFLICT DO NOTHING RETURNING id", {})
    values = {_table(mapper).name: as_json(engine.dialect)([as_row(mapper, each) for each in rows])}
    return [id for (id,) in connections.ask(engine, [statement], values, alone=False)]


@cache
def as_json(dialect: sa.Dialect) -> Callable[[Any], str]:
    """What writes a value of a JSON column, and rows that are to travel as one."""
    write = JSONB().dialect_impl(dialect).bind_processor(dialect)
    return cast(Callable[[Any], str], write)


@cache
def _is_plain(mapper: Mapper[Any]) -> bool:
    columns = _table(mapper).columns
    return mapper.polymorphic_on is None and not any(isinstance(column.type, sa.LargeBinary) for column in columns)


def _by_kind(new: Iterable[Any]) -> dict[Mapper[Any], list[Any]]:
    kinds: dict[Mapper[Any], list[Any]] = {}
    for one in new:
        kinds.setdefault(sa.inspect(type(one)), []).append(one)
    return kinds


@cache
def _ranks(tables: sa.MetaData) -> dict[Any, int]:
    return {table: rank for rank, table in enumerate(tables.sorted_tables)}


def _rank(mapper: Mapper[Any]) -> int:
    """Wholes come before parts."""
    return _ranks(mapper.registry.metadata)[_table(mapper)]


def _insert(session: orm.Session, objects: Mapping[Mapper[Any], Sequence[Any]]) -> None:
    waiting = _waiting(session)
    rows: Rows = {**waiting.rows}
    for mapper in sorted(objects, key=_rank):
        for one in objects[mapper]:
            _complete(mapper, one)
    for mapper, several in objects.items():
        new = [as_row(mapper, orm.attributes.instance_dict(one)) for one in several]
        rows[mapper] = [*rows.get(mapper, ()), *new]
    connections.tell(session.get_bind().engine, *_message(session, _Waiting(waiting.statements, rows)))
    _forget(session)
    for several in objects.values():
        for one in several:
            # With a whole its parts have gone.
            if one in session:
                session.expunge(one)
            orm.make_transient_to_detached(one)
    for several in objects.values():
        session.add_all(several)


def _message(session: orm.Session, waiting: _Waiting) -> Message:
    if not waiting:
        return (), {}
    mappers = sorted(waiting.rows, key=_rank)
    write = as_json(session.get_bind().dialect)
    values = {_table(mapper).name: write(waiting.rows[mapper]) for mapper in mappers}
    return [*waiting.statements, *map(_inserting, mappers)], values


def _complete(mapper: Mapper[Any], one: Any) -> None:
    """Give an object what it lacks: defaults, and the keys of what it belongs to, or what belongs to it."""
    known = orm.attributes.instance_dict(one)
    _fill(mapper, known)
    for name, refer in _references(mapper).items():
        if other := known.get(name):
            refer(known, other)


@cache
def _references(mapper: Mapper[Any]) -> dict[str, Callable[[dict[str, Any], Any], None]]:
    """What writes, for each relationship, the key of a whole into its parts."""
    return {one.key: _of_parts(one) if one.uselist else _of_part(one) for one in mapper.relationships}


def _of_parts(relationship: RelationshipProperty[Any]) -> Callable[[dict[str, Any], Any], None]:
    names = _names(relationship)

    def refer(whole: dict[str, Any], parts: Any) -> None:
        for part in map(orm.attributes.instance_dict, parts):
            part.update((theirs, whole[ours]) for ours, theirs in names)

    return refer


def _of_part(relationship: RelationshipProperty[Any]) -> Callable[[dict[str, Any], Any], None]:
    names = _names(relationship)

    def refer(part: dict[str, Any], whole: Any) -> None:
        part.update((ours, getattr(whole, theirs)) for ours, theirs in names)

    return refer


def _names(relationship: RelationshipProperty[Any]) -> list[tuple[str, str]]:
    """The attributes here and there that are alike."""
    here, there = relationship.parent.get_property_by_column, relationship.mapper.get_property_by_column
    return [(here(ours).key, there(theirs).key) for ours, theirs in relationship.local_remote_pairs or ()]


def _fill(mapper: Mapper[Any], known: dict[str, Any]) -> None:
    made = defaults(mapper)
    for name in written_names(mapper):
        if known.get(name) is None:
            known[name] = made[name]() if name in made else None


@cache
def defaults(mapper: Mapper[Any]) -> dict[str, Callable[[], Any]]:
    """What makes the value of each attribute that has a default."""
    return {
        mapper.get_property_by_column(column).key: _default(column.default)
        for column in _columns(mapper)
        if column.default is not None
    }


def _default(default: Any) -> Callable[[], Any]:
    return partial(default.arg, None) if default.is_callable else lambda: default.arg


@cache
def written_names(mapper: Mapper[Any]) -> list[str]:
    """The attributes that columns keep, but for those that the database fills in."""
    return [name for _, name in _names_of(mapper)]


def _table(mapper: Mapper[Any]) -> sa.Table:
    return cast(sa.Table, mapper.local_table)


@cache
def _columns(mapper: Mapper[Any]) -> list[sa.Column[Any]]:
    return [column for column in _table(mapper).columns if column.server_default is None]


@cache
def _names_of(mapper: Mapper[Any]) -> list[tuple[str, str]]:
    """What the table and what the model calls each column."""
    # Texts, and not SQLAlchemy's own kind of them, which orjson does not write.
    return [(str(column.name), mapper.get_property_by_column(column).key) for column in _columns(mapper)]


@cache
def _inserting(mapper: Mapper[Any]) -> Statement:
    name, columns = _table(mapper).name, ", ".join(column.name for column in _columns(mapper))
    rows = f"jsonb_populate_recordset(NULL::{name}, %({name})s)"
    return Statement(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {rows}", {})  # noqa: S608 - names of ours
