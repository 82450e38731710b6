"""By what an object is found: the words of its names and numbers, and its metadata.

Each trait is a row beside the object, written and deleted by triggers of the object's own table and by nothing else.
Under row-level security only plain comparisons may use an index, so that no text search and no operator on JSON could
serve a list. Capitals, accents and punctuation do not count in words: `search_fold` takes them out of what is kept, and
out of what is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from billing_api.database import Model
from billing_api.unit_of_work import unit

WORD = ""
"""The key of a trait that is a word; the name of a piece of metadata has a character at least."""
_MOST_WORDS = 8
_SAMPLE, _SOME = 300, 3
"""Of so many rows at the head of a list so many must match for the next ones to be looked at, too."""
_DEEP = 5_000
"""So many rows are looked at in the order of the list before all that match are gathered."""

_Q = TypeVar("_Q", bound=sa.GenerativeSelect)
Place = Callable[[Any, Any], sa.ColumnElement[bool]]
"""Whether what has this place in the order, and this id, comes into question."""


def traits_of(one: str) -> sa.Table:
    """The table of the traits of such objects, as `customer` or `credit_note`.

    No foreign key holds its rows, because nobody but their trigger writes them; `billing-api check` looks after them.
    """
    return sa.Table(
        f"{one}_traits",
        Model.metadata,
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("key", sa.Text(collation="C"), primary_key=True),
        sa.Column("value", sa.Text(collation="C"), primary_key=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), primary_key=True),
        sa.Column("object_id", sa.Uuid, primary_key=True),
        sa.Index(f"ix_{one}_traits_organization_id_object_id", "organization_id", "object_id"),
    )


@dataclass(frozen=True, slots=True)
class Way:
    """How an object is found: by traits of its own, or by those of another object that a column of it names. `among`
    are conditions on the model of that column, where not all of its rows are such objects."""

    traits: sa.Table
    reference: InstrumentedAttribute[Any] | None = None
    among: tuple[sa.ColumnElement[bool], ...] = ()

    def has(self, row: Any, key: str, value: str) -> sa.ColumnElement[bool]:
        """Whether a row of such objects, with its `id` or the column, has this trait; of a word, the beginning."""
        id = row.id if self.reference is None else getattr(row, self.reference.key)
        # The table itself, which no query around this one reads: an alias is made of its columns for each request.
        traits = self.traits.c
        found = sa.select(traits.object_id).where(traits.object_id == id, *_is(self.traits, key, value))
        # With an offset it is looked up for each row; without, the database may hash all that begins so, for a few.
        return found.offset(0).exists()

    def all_with(self, first: tuple[str, str], more: Sequence[tuple[str, str]], reach: Place) -> sa.Select[Any]:
        """When each object that has these traits was created, and its id, as far as they are in reach."""
        terms = [*_is(self.traits, *first), *(self._beside(key, value) for key, value in more)]
        created_at, id = self.traits.c.created_at, self.traits.c.object_id
        if self.reference is not None:
            model = self.reference.class_
            terms += [model.organization_id == unit().tenant, self.reference == self.traits.c.object_id, *self.among]
            created_at, id = model.created_at, model.id
        columns = (created_at.label("created_at"), id.label("object_id"))
        return sa.select(*columns).where(*terms, reach(created_at, id))

    def _beside(self, key: str, value: str) -> sa.ColumnElement[bool]:
        other = self.traits.alias()
        return sa.exists().where(other.c.object_id == self.traits.c.object_id, *_is(other, key, value))


@dataclass(frozen=True, slots=True)
class _Line:
    """Rows in the order of their list."""

    rows: sa.Select[Any]
    is_down: bool

    def sort(self, query: _Q, place: Any, id: Any) -> _Q:
        """The query in this order, where its rows have these places and ids."""
        return query.order_by(*((place.desc(), id.desc()) if self.is_down else (place.asc(), id.asc())))

    def part(self, start: int, length: int) -> sa.Subquery:
        """So many rows of the line from here."""
        columns = self.rows.selected_columns
        return self.sort(self.rows, columns.place, columns.id).offset(start).limit(length).subquery()

    def end(self, depth: int) -> sa.CTE:
        """The last of the first so many rows; none where there are fewer, and then nothing is behind it."""
        last = self.part(depth - 1, 1)
        return sa.select(last.c.place, last.c.id).cte(f"end_{depth}")

    def is_behind(self, end: sa.CTE, place: Any, id: Any) -> sa.ColumnElement[bool]:
        """Whether what has this place, and this id, comes after the end of a part."""
        found, last = sa.tuple_(place, id), sa.select(end.c.place, end.c.id).scalar_subquery()
        return found < last if self.is_down else found > last


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: objects that have all of the metadata themselves, and all words in one of the ways, of which
    the first is their own."""

    ways: tuple[Way, ...]
    words: tuple[str, ...]
    metadata: Mapping[str, str]

    def holds(self, row: Any) -> sa.ColumnElement[bool]:
        """Whether this row is looked for, a model or rows that were read from one."""
        own = [self.ways[0].has(row, key, value) for key, value in self.metadata.items()]
        if not self.words:
            return sa.and_(*own)
        ways = [sa.and_(*[way.has(row, WORD, word) for word in self.words]) for way in self.ways]
        return sa.and_(*own, sa.or_(*ways))

    def narrow(self, query: sa.Select[Any], model: Any) -> sa.Select[Any]:
        """The query for those alone that are looked for, in whatever order."""
        found = self._gathered(_everywhere).subquery()
        query = query.where(model.id.in_(sa.select(found.c.object_id)))
        return query.where(self.holds(model)) if self.words and self.metadata else query

    def first(self, rows: sa.Select[Any], limit: int, *, is_down: bool, by_creation: bool) -> sa.Select[Any]:
        """The ids of the first of these rows that are looked for. Each has its `id`, its `place`, by which they are
        sorted, and the columns by which they refer to others; `by_creation` says that the place is `created_at`.

        What many objects have is found among the first rows; what few have, by gathering them all. The branches run in
        turn, and only where one yields too few is the next begun, so that either costs little.
        """
        line = _Line(rows, is_down)
        head, more = line.part(0, _SAMPLE), line.part(_SAMPLE, _DEEP - _SAMPLE)
        found = sa.select(head.c.id, head.c.place).where(self.holds(head.c)).cte("found")
        is_common = sa.select(sa.func.count() >= _SOME).select_from(found).scalar_subquery()
        ends = line.end(_SAMPLE), line.end(_DEEP)

        def is_behind(place: Any, id: Any) -> sa.ColumnElement[bool]:
            is_left, is_left_of_more = (line.is_behind(end, place, id) for end in ends)
            return is_left & sa.case((is_common, is_left_of_more), else_=sa.true())

        both = sa.union_all(
            line.sort(sa.select(found.c.id), found.c.place, found.c.id).limit(limit),
            line.sort(sa.select(more.c.id).where(is_common, self.holds(more.c)), more.c.place, more.c.id).limit(limit),
            self._far(line, is_behind, by_creation).limit(limit),
        )
        return sa.select(both.limit(limit).subquery().c.id)

    def _far(self, line: "_Line", is_behind: Place, by_creation: bool) -> sa.Select[Any]:
        """The ids of all that are gathered and stand behind, in the order of the rows."""
        gathered = self._gathered(is_behind if by_creation else _everywhere)
        gathered = line.sort(gathered, sa.column("created_at"), sa.column("object_id")).subquery()
        place, id = line.rows.selected_columns.place, line.rows.selected_columns.id
        one = line.rows.where(id == gathered.c.object_id, is_behind(place, id)).limit(1).lateral()
        query = sa.select(one.c.id).select_from(gathered.join(one, sa.true()))
        if self.words and self.metadata:
            query = query.where(self.holds(one.c))
        at = (gathered.c.created_at, gathered.c.object_id) if by_creation else (one.c.place, one.c.id)
        return line.sort(query, *at)

    def _gathered(self, reach: Place) -> Any:
        """All that have the metadata; without any, all that have the words."""
        if self.metadata:
            first, *more = self.metadata.items()
            return self.ways[0].all_with(first, more, reach)
        first, *more = [(WORD, word) for word in self.words]
        found = [way.all_with(first, more, reach) for way in self.ways]
        # Several words of one object may begin alike.
        return sa.union(*found) if len(found) > 1 else found[0].distinct()


def look_for(filters: Mapping[str, Any], *ways: Way) -> Search | None:
    """The search that `q` and `metadata` of these filters ask for, or None where they ask for none. Of many words the
    longest count, and no word finds nothing."""
    if "q" not in filters and "metadata" not in filters:
        return None
    pieces = set(filters.get("q", "").split())
    # What is nothing but punctuation counts where there is nothing else, and stands in no row.
    words = {piece for piece in pieces if any(map(str.isalnum, piece))} or pieces
    longest = sorted(words, key=lambda word: (-len(word), word))[:_MOST_WORDS]
    return Search(ways, tuple(longest), filters.get("metadata", {}))


def _is(traits: sa.FromClause, key: str, value: str) -> list[sa.ColumnElement[bool]]:
    """Whether a row is this trait; of words, one that begins so."""
    folded = sa.func.search_fold(value)
    is_value = traits.c.value.op("^@")(folded) if key == WORD else traits.c.value == value
    return [traits.c.organization_id == unit().tenant, traits.c.key == key, is_value]


def _everywhere(_place: Any, _id: Any) -> sa.ColumnElement[bool]:
    return sa.true()
