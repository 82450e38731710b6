"""Rows that are read to be shown, as plain objects with all that belongs to them.

An object of the session keeps account of its changes, and hands out each value by a function. What is only shown needs
neither: a page of fifty invoices is read in half the time without.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from billing_api.database import db
from billing_api.unit_of_work import unit


class _Unread:
    """What the model has and the object has not. It must not be absent: a member without a value is not shown."""

    def __set_name__(self, _kind: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, _one: object, kind: type[Any]) -> NoReturn:
        raise LookupError(f"{kind.__name__}.{self._name} was not read")


@dataclass(frozen=True, slots=True)
class _Part:
    """A relationship, `name`, whose rows name their owner in `reference`, and call it `back`, if anything. The `query`
    has the rows of several wholes, by the `ids` of those."""

    name: str
    reference: str
    back: str | None
    query: sa.Select[Any]
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

    def objects(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        """The objects of rows that begin with the `columns`, with their parts. Each has the attributes of the model,
        and what it computes of them; what was not read raises LookupError."""
        wholes = self._made(rows)
        self._bring(wholes, [whole.id for whole in wholes])
        return wholes

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
            is_of_wholes = columns[self._key] == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid)))
            is_own = columns.organization_id == sa.bindparam("organization_id")
            query = sa.select(*shape.columns).where(is_own, is_of_wholes).order_by(*relationship.order_by)
            parts.append(_Part(name, reference, relationship.back_populates, query, shape))
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
            rows = db.session.execute(part.query, {"organization_id": unit().tenant, "ids": ids})
            found = part.shape._made(rows)
            for one in found:
                owner = by_id[getattr(one, part.reference)]
                getattr(owner, part.name).append(one)
                if part.back:
                    setattr(one, part.back, owner)
            part.shape._bring(found, ids)
