"""New rows go to the database in one message, ahead of what else a session flushes.

By itself a session sends a statement for each table, and makes of each value a parameter. Here the rows of a table are
one JSON text, which the database takes apart by the types of its columns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapper, RelationshipProperty

from billing_api import connections
from billing_api.connections import Statement
from billing_api.unit_of_work import unit

Rows = dict[Mapper[Any], list[Any]]


def watch(kind: type[orm.Session]) -> None:
    """Let sessions of this kind insert so."""

    @event.listens_for(kind, "before_flush")
    def insert_new(session: orm.Session, *_: object) -> None:
        if not unit().is_limited:
            return
        mappers = {sa.inspect(type(one)) for one in session.new}
        # What has rows in two tables, or bytes, which no JSON holds, is left to the session, with all that is beside.
        if mappers and all(_is_plain(mapper) for mapper in mappers):
            _insert(session, _in_order(session.new, mappers))


def insert_missing(engine: sa.Engine, model: type[Any], rows: Sequence[dict[str, Any]]) -> Sequence[Any]:
    """Insert those rows, by the names of attributes, that meet none which is there; what each lacks of its defaults is
    filled in. Returns the ids of those that were inserted. Raises what `connections.ask` does."""
    mapper = sa.inspect(model)
    for row in rows:
        row.update((name, default()) for name, default in _defaults(mapper).items() if row.get(name) is None)
    statement = Statement(f"{_text(mapper)} ON CONFLICT DO NOTHING RETURNING id", {})
    values = {_table(mapper).name: as_json(engine.dialect)([_row(mapper, row) for row in rows])}
    return [id for (id,) in connections.ask(engine, statement, values, alone=False)]


@cache
def as_json(dialect: sa.Dialect) -> Callable[[Any], str]:
    """What writes a value of a JSON column, and rows that are to travel as one."""
    write = JSONB().dialect_impl(dialect).bind_processor(dialect)
    return cast(Callable[[Any], str], write)


@cache
def _is_plain(mapper: Mapper[Any]) -> bool:
    columns = _table(mapper).columns
    return mapper.polymorphic_on is None and not any(isinstance(column.type, sa.LargeBinary) for column in columns)


def _in_order(new: Iterable[Any], mappers: set[Mapper[Any]]) -> Rows:
    """The new objects by their kinds, wholes before parts."""
    ranks = _ranks(next(iter(mappers)).registry.metadata)
    rows: Rows = {mapper: [] for mapper in sorted(mappers, key=lambda mapper: ranks[_table(mapper)])}
    for one in new:
        rows[sa.inspect(type(one))].append(one)
    return rows


@cache
def _ranks(tables: sa.MetaData) -> dict[Any, int]:
    return {table: rank for rank, table in enumerate(tables.sorted_tables)}


def _insert(session: orm.Session, rows: Rows) -> None:
    engine = session.get_bind().engine
    for mapper, objects in rows.items():
        for one in objects:
            _complete(mapper, one)
    known = orm.attributes.instance_dict
    values = {
        _table(mapper).name: as_json(engine.dialect)([_row(mapper, known(one)) for one in objects])
        for mapper, objects in rows.items()
    }
    connections.tell(engine, [Statement(_text(mapper), {}) for mapper in rows], values)
    for objects in rows.values():
        for one in objects:
            # With a whole its parts have gone.
            if one in session:
                session.expunge(one)
            orm.make_transient_to_detached(one)
    for objects in rows.values():
        session.add_all(objects)


def _complete(mapper: Mapper[Any], one: Any) -> None:
    """Give an object what it lacks: defaults, and the keys of what it belongs to, or what belongs to it."""
    known = orm.attributes.instance_dict(one)
    for name, default in _defaults(mapper).items():
        if known.get(name) is None:
            known[name] = default()
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


@cache
def _defaults(mapper: Mapper[Any]) -> dict[str, Callable[[], Any]]:
    """What makes the value of each attribute that a column keeps, where none is given and the database makes none."""
    return {mapper.get_property_by_column(column).key: _default(column) for column in _columns(mapper)}


def _default(column: sa.Column[Any]) -> Callable[[], Any]:
    default: Any = column.default
    if default is None:
        return lambda: None
    return partial(default.arg, None) if default.is_callable else lambda: default.arg


def _table(mapper: Mapper[Any]) -> sa.Table:
    return cast(sa.Table, mapper.local_table)


@cache
def _columns(mapper: Mapper[Any]) -> list[sa.Column[Any]]:
    return [column for column in _table(mapper).columns if column.server_default is None]


def _row(mapper: Mapper[Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return {column.name: known[mapper.get_property_by_column(column).key] for column in _columns(mapper)}


@cache
def _text(mapper: Mapper[Any]) -> str:
    name, columns = _table(mapper).name, ", ".join(column.name for column in _columns(mapper))
    return f"INSERT INTO {name} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{name}, %({name})s)"  # noqa: S608 - names of ours
