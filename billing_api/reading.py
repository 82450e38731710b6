"""Rows that are read to be shown, as plain objects with all that belongs to them.

An object of the session keeps account of its changes, and hands out each value by a function. What is only shown needs
neither: a page of fifty invoices is read in half the time without.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import FunctionType
from typing import Any, Literal, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from billing_api.connections import Statement
from billing_api.database import ask, compiled
from billing_api.errors import NotFound
from billing_api.unit_of_work import unit

Lock = Literal["keep", "freeze"]
"""Nobody deletes the row before the commit; or nobody changes it."""


class _Unread:
    """What the model has and the object has not. It must not be absent: a member without a value is not shown."""

    def __set_name__(self, _kind: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, _one: object, kind: type[Any]) -> NoReturn:
        raise LookupError(f"{kind.__name__}.{self._name} was not read")


@dataclass(frozen=True, slots=True)
class _Part:
    """A relationship, `name`, whose rows name their owner in `reference`, and call it `back`, if anything. The
    `statement` has the rows of several wholes, by the `ids` of those."""

    name: str
    reference: str
    back: str | None
    statement: Statement
    shape: "Shape"


class Shape:
    """How a model of one table is read: its columns, but for those left `unread`, and of its relationships to many
    those that are named, each in a shape of its own.

    The `key` is the column in which the rows of these name the whole, as those of a line's taxes name the invoice: so
    each takes one statement, however many owners they have.
    """

    def __init__(
        self, model: type[Any], key: str | None = None, unread: Collection[str] = (), **within: "Shape"
    ) -> None:
        self.columns = [column for column in model.__table__.columns if column.key not in unread]
        self._model, self._key, self._within = model, key, within

    def one(self, id: uuid.UUID) -> Any:
        """The object with this id, as far as it is this tenant's; without parts it is all that the request reads.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        rows = ask(self._by_id(None), {"organization_id": unit().tenant, "id": id}, alone=not self._within)
        if not rows:
            raise NotFound()
        return self.objects(rows)[0]

    def at_hand(self, id: uuid.UUID, lock: Lock | None = None) -> Any | None:
        """The object with this id, in the transaction at hand and locked to its end; None where there is none."""
        found = self.objects(ask(self._by_id(lock), {"organization_id": unit().tenant, "id": id}))
        return found[0] if found else None

    def several(self, ids: Sequence[uuid.UUID]) -> list[Any]:
        """The objects with these ids, as far as they are this tenant's, in any order."""
        return self.objects(ask(self._by_ids, {"organization_id": unit().tenant, "ids": ids}))

    def objects(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        """The objects of rows that begin with the `columns`, with their parts. Each has the attributes of the model,
        and what it computes of them; what was not read raises LookupError."""
        wholes = self._made(rows)
        if self._within:
            self._bring(wholes, [whole.id for whole in wholes])
        return wholes

    @cache  # noqa: B019 - a shape is made once, and stays
    def _by_id(self, lock: Lock | None) -> Statement:
        query = self._query(self._model.__table__.columns.id == sa.bindparam("id"))
        return compiled(query.with_for_update(read=True, key_share=lock == "keep") if lock else query)

    @cached_property
    def _by_ids(self) -> Statement:
        return self._statement(_is_among(self._model.__table__.columns.id))

    def _statement(self, condition: sa.ColumnElement[bool], *order: Any) -> Statement:
        return compiled(self._query(condition).order_by(*order))

    def _query(self, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
        is_own = self._tenant == sa.bindparam("organization_id")
        return sa.select(*self.columns).where(is_own, condition)

    def object(self, values: Mapping[str, Any]) -> Any:
        """The object that has these values of the model's attributes; of all that it has, and without parts."""
        one = self._kind()
        one.__dict__ = {name: values[name] for name in self._names}
        return one

    @property
    def _tenant(self) -> sa.Column[Any]:
        """The column that says whose a row is; an organization is its own."""
        columns: Any = self._model.__table__.columns
        found: sa.Column[Any] = columns.get("organization_id", columns.id)
        return found

    @cached_property
    def _names(self) -> list[str]:
        """What the model calls its columns."""
        return [sa.inspect(self._model).get_property_by_column(column).key for column in self.columns]

    @cached_property
    def _kind(self) -> type[Any]:
        """The class of the objects: the functions of the model, without what makes it a row of the session."""
        functions = {
            name: member
            for base in reversed(self._model.__mro__)
            for name, member in vars(base).items()
            if isinstance(member, property | FunctionType) and not name.startswith("__")
        }
        unread = {name: _Unread() for name in {*sa.inspect(self._model).attrs.keys()} - {*self._names}}
        return type(self._model.__name__, (), {**functions, **unread})

    @cached_property
    def _parts(self) -> list[_Part]:
        parts = []
        for name, shape in self._within.items():
            relationship, columns = sa.inspect(self._model).relationships[name], shape._model.__table__.columns
            # The organization stands in every key; the other column says whose a part is.
            (theirs,) = (theirs for ours, theirs in relationship.local_remote_pairs if ours.key == "id")
            reference = relationship.mapper.get_property_by_column(theirs).key
            statement = shape._statement(_is_among(columns[self._key]), *relationship.order_by)
            parts.append(_Part(name, reference, relationship.back_populates, statement, shape))
        return parts

    def _made(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        made = []
        for row in rows:
            one = self._kind()
            one.__dict__ = dict(zip(self._names, row, strict=False))
            made.append(one)
        return made

    def _bring(self, owners: Sequence[Any], ids: Sequence[uuid.UUID]) -> None:
        by_id = {owner.id: owner for owner in owners}
        # Who is not there has no parts, and none need be asked for.
        for part in self._parts if owners else ():
            for owner in owners:
                setattr(owner, part.name, [])
            rows = ask(part.statement, {"organization_id": unit().tenant, "ids": ids})
            found = part.shape._made(rows)
            for one in found:
                owner = by_id[getattr(one, part.reference)]
                getattr(owner, part.name).append(one)
                if part.back:
                    setattr(one, part.back, owner)
            part.shape._bring(found, ids)


def _is_among(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid)))
