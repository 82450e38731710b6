"""Rows that are read to be shown, or that are made, as plain objects with all that belongs to them.

An object of the session keeps account of its changes, and hands out each value by a function. What is only shown, or is
new as a whole, needs neither: a page of fifty invoices is read in half the time without, and a long one written.
"""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from itertools import count
from types import FunctionType
from typing import Any, Literal, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.orm import Mapper

from billing_api.database import ask, compiled, db
from billing_api.errors import NotFound
from billing_api.inserting import Rows, as_row, defaults, wait, written_names
from billing_api.statement import Statement
from billing_api.unit_of_work import unit

Lock = Literal["keep", "freeze"]
"""Nobody deletes the row before the commit; or nobody changes it."""
Texts = Sequence[str | None]
"""The values of a row, as the database writes them."""


class _Unread:
    """What the model has and the object has not. It must not be absent: a member without a value is not shown."""

    def __set_name__(self, _kind: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, _one: object, kind: type[Any]) -> NoReturn:
        raise LookupError(f"{kind.__name__}.{self._name} was not read")


@dataclass(frozen=True, slots=True)
class _Part:
    """A relationship, `name`, whose rows name their owner in `reference`, and call it `back`, if anything."""

    name: str
    reference: str
    back: str | None
    order: Sequence[Any]
    shape: "Shape"


class Shape:
    """How a model of one table is read: its columns, but for those left `unread`, and of its relationships to many
    those that are named, each in a shape of its own.

    The `key` is the column in which the rows of these name the whole, as those of a line's taxes name the invoice: so
    all come in one statement, however many owners they have.
    """

    def __init__(
        self, model: type[Any], key: str | None = None, unread: Collection[str] = (), **within: "Shape"
    ) -> None:
        self.columns = [column for column in model.__table__.columns if column.key not in unread]
        self._model, self._key, self._within = model, key, within

    def one(self, id: uuid.UUID, *columns: Any) -> tuple[Sequence[Any], Callable[[], Any]]:
        """Of the object with this id, as all that the request reads, the values of some columns, and what makes it of
        all, without its parts: texts are fetched sooner than they are read. Raises NotFound."""
        rows = ask(self._one(columns), {"organization_id": unit().tenant, "id_0": id}, alone=True)
        if not rows:
            raise NotFound()
        _, texts, _, *values = rows[0]
        return values, lambda: self.from_texts(texts)

    def at_hand(self, id: uuid.UUID, lock: Lock | None = None) -> Any | None:
        """The object with this id, in the transaction at hand and locked to its end; None where there is none."""
        found = self.objects(ask(self._by_id(lock), {"organization_id": unit().tenant, "id": id}))
        return found[0] if found else None

    def several(self, ids: Sequence[uuid.UUID]) -> list[Any]:
        """The objects with these ids, as far as they are this tenant's, with all their parts, in any order; they come
        in one statement."""
        found: list[list[Texts]] = [[] for _ in self.shapes]
        for place, texts, _ in ask(self._whole, {"organization_id": unit().tenant, "ids": ids}):
            found[place].append(texts)
        return self.wholes(found)

    def wholes(self, found: Sequence[Sequence[Texts]]) -> list[Any]:
        """The objects with all their parts, of the rows that were found of each of the `shapes`."""
        made = ([shape.from_texts(texts) for texts in rows] for shape, rows in zip(self.shapes, found, strict=True))
        wholes, *parts = made
        self._bring(wholes, iter(parts))
        return wholes

    def objects(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        """The objects of rows that begin with the `columns`, without their parts. Each has the attributes of the model,
        and what it computes of them; what was not read raises LookupError."""
        made = []
        for row in rows:
            one = self._kind()
            one.__dict__ = dict(zip(self.names, row, strict=False))
            made.append(one)
        return made

    def rows_that(self, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """The query for what `objects` takes: the tenant's rows, by the parameter `organization_id`, that meet a
        condition."""
        is_own = self._tenant == sa.bindparam("organization_id")
        return sa.select(*self.columns).where(is_own, condition)

    @cache  # noqa: B019 - a shape is made once, and stays
    def _one(self, columns: Sequence[Any]) -> Statement:
        return compiled(self.texts_of_one(0, None).add_columns(*columns))

    @cache  # noqa: B019 - a shape is made once, and stays
    def _by_id(self, lock: Lock | None) -> Statement:
        return compiled(_locked(self.rows_that(self._model.__table__.columns.id == sa.bindparam("id")), lock))

    def blank(self, **values: Any) -> Any:
        """An object of no row: it has these values, no others, and no parts."""
        one = self._kind()
        one.__dict__ = {**self._nothing, **{part.name: [] for part in self._parts}, **values}
        return one

    def new(self, **values: Any) -> Any:
        """An object whose row is to be made, with these values and the model's defaults for all others; `add` it."""
        made = {name: default() for name, default in self._usual if name not in values}
        return self.blank(**made, **values)

    def add(self, one: Any) -> None:
        """Insert a new object, with all its parts, as they are now, with the next message that asks or writes, or ends
        the transaction."""
        rows: Rows = {}
        self._gather(one, rows)
        wait(db.session(), rows)

    def add_parts(self, one: Any) -> None:
        """The same with the parts alone, where the row is there already."""
        rows: Rows = {}
        self._gather_parts(one, rows)
        wait(db.session(), rows)

    def _gather(self, one: Any, rows: Rows) -> None:
        rows.setdefault(self._mapper, []).append(as_row(self._mapper, vars(one)))
        self._gather_parts(one, rows)

    def _gather_parts(self, one: Any, rows: Rows) -> None:
        for part in self._parts:
            for each in getattr(one, part.name):
                part.shape._gather(each, rows)

    def object(self, values: Mapping[str, Any]) -> Any:
        """The object that has these values of the model's attributes; of all that it has, and without parts."""
        one = self._kind()
        one.__dict__ = {name: values[name] for name in self.names}
        return one

    @property
    def _tenant(self) -> sa.Column[Any]:
        """The column that says whose a row is; an organization is its own."""
        columns: Any = self._model.__table__.columns
        found: sa.Column[Any] = columns["organization_id" if "organization_id" in columns else "id"]
        return found

    @cached_property
    def _mapper(self) -> Mapper[Any]:
        mapper: Mapper[Any] = sa.inspect(self._model)
        return mapper

    @cached_property
    def _nothing(self) -> dict[str, None]:
        return dict.fromkeys(written_names(self._mapper))

    @cached_property
    def _usual(self) -> list[tuple[str, Callable[[], Any]]]:
        return [*defaults(self._mapper).items()]

    @cached_property
    def names(self) -> list[str]:
        """What the model calls its columns."""
        return [self._mapper.get_property_by_column(column).key for column in self.columns]

    @cached_property
    def _kind(self) -> type[Any]:
        """The class of the objects: the functions of the model, without what makes it a row of the session."""
        functions = {
            name: member
            for base in reversed(self._model.__mro__)
            for name, member in vars(base).items()
            if isinstance(member, property | FunctionType) and not name.startswith("__")
        }
        unread = {name: _Unread() for name in self._mapper.attrs.keys()}  # noqa: SIM118 - no dictionary
        return type(self._model.__name__, (), {**functions, **unread})

    @cached_property
    def _parts(self) -> list[_Part]:
        parts = []
        for name, shape in self._within.items():
            relationship = self._mapper.relationships[name]
            # The organization stands in every key; the other column says whose a part is.
            (theirs,) = (theirs for ours, theirs in relationship.local_remote_pairs if ours.key == "id")
            reference = relationship.mapper.get_property_by_column(theirs).key
            parts.append(_Part(name, reference, relationship.back_populates, relationship.order_by or (), shape))
        return parts

    @cached_property
    def shapes(self) -> list["Shape"]:
        """This one, and those of all parts, each followed by those within it."""
        return [self, *(inner for part in self._parts for inner in part.shape.shapes)]

    @cached_property
    def _whole(self) -> Statement:
        return compiled(in_order(self.texts_of_wholes()))

    def texts_of_wholes(self) -> list[sa.Select[Any]]:
        """The queries for the rows of all `shapes`: of each its place among them, and its values as texts, which alone
        are of the same type everywhere."""
        is_asked = is_among(self._model.__table__.columns.id)
        return [self._texts(0, is_asked, sa.null()), *self._texts_of_parts(count(1))]

    def _texts_of_parts(self, places: Iterator[int]) -> Iterator[sa.Select[Any]]:
        for part in self._parts:
            (position,) = part.order
            is_asked = is_among(part.shape._model.__table__.columns[part.shape._key or self._key])
            yield part.shape._texts(next(places), is_asked, position)
            yield from part.shape._texts_of_parts(places)

    def _texts(self, place: int, condition: sa.ColumnElement[bool], position: Any) -> sa.Select[Any]:
        plain = [sa.func.to_jsonb(one) if isinstance(one.type, sa.ARRAY) else one for one in self.columns]
        texts = array([sa.cast(column, sa.Text) for column in plain]).label("texts")
        number, at = sa.literal_column(str(place), sa.Integer), sa.cast(position, sa.Integer)
        columns: list[Any] = [number.label("place"), texts, at.label("position")]
        return self.rows_that(condition).with_only_columns(*columns)

    def texts_of_one(self, place: int, lock: Lock | None = None) -> sa.Select[Any]:
        """The query for the row with the id that is named by its place."""
        is_asked = self._model.__table__.columns.id == sa.bindparam(f"id_{place}")
        return _locked(self._texts(place, is_asked, sa.null()), lock)

    def from_texts(self, texts: Texts) -> Any:
        """The object of a row."""
        one = self._kind()
        one.__dict__ = {
            name: text if text is None or read is None else read(text)
            for name, read, text in zip(self.names, self._readers, texts, strict=True)
        }
        return one

    @cached_property
    def _readers(self) -> list[Callable[[str], Any] | None]:
        """What makes of a text the value of each column; None where it is one."""
        return [next(read for kind, read in _READERS if isinstance(column.type, kind)) for column in self.columns]

    def _bring(self, owners: Sequence[Any], found: Iterator[list[Any]]) -> None:
        """Give the owners their parts, of which those of each shape stand in turn."""
        by_id = {owner.id: owner for owner in owners}
        for part in self._parts:
            for owner in owners:
                setattr(owner, part.name, [])
            parts = next(found)
            for one in parts:
                owner = by_id[getattr(one, part.reference)]
                getattr(owner, part.name).append(one)
                if part.back:
                    setattr(one, part.back, owner)
            part.shape._bring(parts, found)


def in_order(queries: Sequence[sa.Select[Any]]) -> sa.CompoundSelect[Any]:
    """The rows of all of these, those of each place together, in the order in which they stand."""
    return sa.union_all(*queries).order_by("place", "position")


def is_among(column: Any) -> sa.ColumnElement[bool]:
    """Whether a column is one of the ids in the parameter `ids`."""
    found: sa.ColumnElement[bool] = column == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid)))
    return found


def _locked(query: sa.Select[Any], lock: Lock | None) -> sa.Select[Any]:
    return query.with_for_update(read=True, key_share=lock == "keep") if lock else query


_READERS: tuple[tuple[type[sa.types.TypeEngine[Any]], Callable[[str], Any] | None], ...] = (
    (sa.Text, None),
    (sa.Uuid, uuid.UUID),
    (sa.Integer, int),
    (sa.Numeric, Decimal),
    (sa.Boolean, "true".__eq__),
    (sa.DateTime, dt.datetime.fromisoformat),
    (sa.Date, dt.date.fromisoformat),
    (sa.JSON, json.loads),
    (sa.ARRAY, json.loads),
)
"""How the database writes values; a type that is not here fails when the first object is read."""
