"""Finding, in a list of any length, those that have all the words and the metadata that are asked for: see `traits`.

What many objects have is found among the first rows of the list; what few have, by gathering them all. Which it will be
is not known before, so one statement tries the first for a while, and then the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import BindTyping
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.visitors import replacement_traverse

from billing_api.unit_of_work import unit

_WORD = ""
"""The key of a trait that is a word; the name of a piece of metadata has a character at least."""
_MOST_WORDS = 8
_SAMPLE, _SOME = 300, 3
"""Of so many rows at the head of a list so many must match for the next ones to be looked at, too."""
_DEEP = 5_000
"""So many rows are looked at in the order of the list before all that match are gathered."""

_Q = TypeVar("_Q", bound=sa.GenerativeSelect)
_Place = Callable[[Any, Any], sa.ColumnElement[bool]]
"""Whether what has this place in the order, and this id, comes into question."""
_Trait = Callable[[sa.FromClause], list[sa.ColumnElement[bool]]]
"""Whether a row of these traits is the one that is looked for; of words, one that begins so."""

_LINE = "line"
"""What the rows of a list are called in the statement of a search."""
# Parameters, named as nothing that SQLAlchemy names by itself: those all end in `_` and a number.
_TENANT = sa.bindparam("organization_id", type_=sa.Uuid)
_FIRST_ONES, _ENOUGH, _LAST_ONES, _MOST = (
    sa.bindparam(name, type_=sa.Integer) for name in ("sample", "some", "deep", "most")
)
_NAMES, _VALUES = (sa.bindparam(name, type_=postgresql.ARRAY(sa.Text)) for name in ("names", "values"))
_NAME, _VALUE = (sa.bindparam(name, type_=sa.Text) for name in ("name", "value"))
"""Of metadata, all pieces; and the first of them."""
_DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
# A cast behind a parameter is written where the text is used.
_DIALECT.bind_typing = BindTyping.NONE


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How an object is found: by traits of its own, or by those of another object that a column of it names. `among`
    are conditions on the model of that column, where not all of its rows are such objects."""

    traits: sa.Table
    reference: InstrumentedAttribute[Any] | None = None
    among: tuple[sa.ColumnElement[bool], ...] = ()

    def has(self, row: Any, trait: _Trait) -> sa.ColumnElement[bool]:
        """Whether a row of such objects, with its `id` or the column, has this trait."""
        id = row.id if self.reference is None else getattr(row, self.reference.key)
        # The table itself, without an alias: no query around this one may read it.
        found = sa.select(self.traits.c.object_id).where(self.traits.c.object_id == id, *trait(self.traits))
        # With an offset it is looked up for each row; without, the database may hash all that begins so, for a few.
        return found.offset(0).exists()

    def has_all_metadata(self, id: Any) -> sa.ColumnElement[bool]:
        """Whether the object of this id has all pieces, however many there are: none is wanted that it has not."""
        traits = self.traits.alias()
        wanted = sa.func.unnest(_NAMES, _VALUES).table_valued("name", "value").render_derived("wanted")
        is_it = (traits.c.key == wanted.c.name, traits.c.value == wanted.c.value)
        of_object = (traits.c.organization_id == _TENANT, traits.c.object_id == id)
        found = sa.select(traits.c.object_id).where(*of_object, *is_it).offset(0).correlate_except(traits)
        return ~sa.select(wanted.c.name).where(~found.exists()).offset(0).correlate_except(wanted).exists()

    def all_with(self, first: _Trait, more: list[_Trait], reach: _Place) -> sa.Select[Any]:
        """When each object that has these traits was created, and its id, as far as they are in reach."""
        terms = [*first(self.traits), *(self._beside(trait) for trait in more)]
        created_at, id = self.traits.c.created_at, self.traits.c.object_id
        if self.reference is not None:
            model = self.reference.class_
            terms += [model.organization_id == _TENANT, self.reference == self.traits.c.object_id, *self.among]
            created_at, id = model.created_at, model.id
        columns = (created_at.label("created_at"), id.label("object_id"))
        return sa.select(*columns).where(*terms, reach(created_at, id))

    def _beside(self, trait: _Trait) -> sa.ColumnElement[bool]:
        other = self.traits.alias()
        return sa.exists().where(other.c.object_id == self.traits.c.object_id, *trait(other))


@dataclass(frozen=True, slots=True)
class _Line:
    """The rows of a list in its order: each has its `id`, its `place`, by which they are sorted, and the columns by
    which they refer to others. Which rows these are is said with each query."""

    references: tuple[str, ...]
    is_down: bool

    @property
    def rows(self) -> sa.TableClause:
        return sa.table(_LINE, *map(sa.column, ("id", "place", *self.references)))

    def sort(self, query: _Q, place: Any, id: Any) -> _Q:
        """The query in this order, where its rows have these places and ids."""
        return query.order_by(*((place.desc(), id.desc()) if self.is_down else (place.asc(), id.asc())))

    def part(self, start: Any, length: Any) -> sa.Subquery:
        """So many rows of the line from here."""
        rows = self.rows
        return self.sort(sa.select(rows), rows.c.place, rows.c.id).offset(start).limit(length).subquery()

    def end(self, name: str, depth: Any) -> sa.CTE:
        """The last of the first so many rows; none where there are fewer, and then nothing is behind it."""
        last = self.part(depth - 1, 1)
        return sa.select(last.c.place, last.c.id).cte(name)

    def is_behind(self, end: sa.CTE, place: Any, id: Any) -> sa.ColumnElement[bool]:
        """Whether what has this place, and this id, comes after the end of a part."""
        found, last = sa.tuple_(place, id), sa.select(end.c.place, end.c.id).scalar_subquery()
        return found < last if self.is_down else found > last


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Searches that differ only in the words and values that they look for, which are parameters: objects that have all
    of the metadata themselves, and all words in one of the ways, of which the first is their own."""

    ways: tuple[Way, ...]
    words: int
    has_metadata: bool

    def holds(self, row: Any) -> sa.ColumnElement[bool]:
        """Whether this row is looked for, a model or rows that were read from one."""
        own = [self.ways[0].has_all_metadata(row.id)] if self.has_metadata else []
        if not self.words:
            return sa.and_(*own)
        ways = [sa.and_(*[way.has(row, word) for word in self._words()]) for way in self.ways]
        return sa.and_(*own, sa.or_(*ways))

    def gathered(self, reach: _Place) -> Any:
        """All that have the metadata; without any, all that have the words."""
        if self.has_metadata:
            way = self.ways[0]
            of_first = way.all_with(_is_first_piece, [], reach)
            return of_first.where(way.has_all_metadata(way.traits.c.object_id))
        first, *more = self._words()
        found = [way.all_with(first, more, reach) for way in self.ways]
        # Several words of one object may begin alike.
        return sa.union(*found) if len(found) > 1 else found[0].distinct()

    def far(self, line: _Line, is_behind: _Place, by_creation: bool) -> sa.Select[Any]:
        """The ids of all that are gathered and stand behind, in the order of the rows."""
        gathered = self.gathered(is_behind if by_creation else _everywhere)
        gathered = line.sort(gathered, sa.column("created_at"), sa.column("object_id")).subquery()
        rows = line.rows
        its_row = sa.select(rows).where(rows.c.id == gathered.c.object_id, is_behind(rows.c.place, rows.c.id))
        one = its_row.limit(1).lateral()
        query = sa.select(one.c.id).select_from(gathered.join(one, sa.true()))
        if self.words and self.has_metadata:
            query = query.where(self.holds(one.c))
        at = (gathered.c.created_at, gathered.c.object_id) if by_creation else (one.c.place, one.c.id)
        return line.sort(query, *at)

    def _words(self) -> list[_Trait]:
        return [partial(_is_word, f"word{number}") for number in range(self.words)]


@cache
def _first(pattern: _Pattern, line: _Line, by_creation: bool) -> sa.TextualSelect:
    """The ids of the first rows of a line that are looked for. Kept, because to make this anew for each request took
    longer than the database takes for most searches, and as text, which SQLAlchemy need not look through.

    What many objects have is found among the first rows; what few have, by gathering them all. The branches run in
    turn, and only where one yields too few is the next begun, so that either costs little.
    """
    head, more = line.part(0, _FIRST_ONES), line.part(_FIRST_ONES, _LAST_ONES - _FIRST_ONES)
    among_first = sa.select(head.c.id, head.c.place).where(pattern.holds(head.c))
    found = line.sort(among_first, head.c.place, head.c.id).limit(_MOST).cte("found")
    is_common = sa.select(sa.func.count() >= _ENOUGH).select_from(found).scalar_subquery()
    ends = line.end("end_of_sample", _FIRST_ONES), line.end("end_of_deep", _LAST_ONES)

    def is_behind(place: Any, id: Any) -> sa.ColumnElement[bool]:
        is_left, is_left_of_more = (line.is_behind(end, place, id) for end in ends)
        return is_left & sa.case((is_common, is_left_of_more), else_=sa.true())

    among_next = sa.select(more.c.id).where(is_common, pattern.holds(more.c))
    both = sa.union_all(
        line.sort(sa.select(found.c.id), found.c.place, found.c.id).limit(_MOST),
        line.sort(among_next, more.c.place, more.c.id).limit(_MOST),
        pattern.far(line, is_behind, by_creation).limit(_MOST),
    )
    return _written(sa.select(both.limit(_MOST).subquery().c.id))


def _written(query: sa.Select[Any]) -> sa.TextualSelect:
    """The query as text; all that is no parameter of a search stands in it."""

    def in_words(part: Any, **_: Any) -> Any:
        if not isinstance(part, sa.BindParameter) or not part.unique:
            return None
        return sa.literal_column(str(part.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})))

    plain: Any = replacement_traverse(query, {}, in_words)  # type: ignore[call-overload]  # it takes any clause
    compiled = plain.compile(dialect=_DIALECT)
    parameters = [sa.bindparam(name, type_=one.type) for name, one in compiled.binds.items()]
    return sa.text(str(compiled)).bindparams(*parameters).columns(sa.column("id", sa.Uuid))


@cache
def _all(pattern: _Pattern) -> sa.Subquery:
    """The ids of all that are looked for; where metadata are, also such as lack the words."""
    gathered: sa.Subquery = pattern.gathered(_everywhere).subquery()
    return gathered


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; its queries are run with its `parameters`."""

    pattern: _Pattern
    found_by: Mapping[str, Any]

    @property
    def references(self) -> tuple[str, ...]:
        """The columns by which objects refer to others by whose traits they are found."""
        return tuple(way.reference.key for way in self.pattern.ways if way.reference is not None)

    def parameters(self, most: int) -> dict[str, Any]:
        """What is looked for, and how many are wanted."""
        reach = {"sample": _SAMPLE, "some": _SOME, "deep": _DEEP, "most": most}
        return {**self.found_by, **reach, "organization_id": unit().tenant}

    def narrow(self, query: sa.Select[Any], model: Any) -> sa.Select[Any]:
        """The query for those alone that are looked for, in whatever order."""
        found = _all(self.pattern)
        query = query.where(model.id.in_(sa.select(found.c.object_id)))
        return query.where(self.pattern.holds(model)) if self.pattern.words and self.pattern.has_metadata else query

    def first(self, rows: sa.Select[Any], *, is_down: bool, by_creation: bool) -> sa.TextualSelect:
        """The ids of the first of these rows that are looked for. Each has its `id`, its `place`, and the `references`;
        `by_creation` says that the place is `created_at`."""
        line = rows.cte(_LINE).prefix_with("NOT MATERIALIZED")
        return _first(self.pattern, _Line(self.references, is_down), by_creation).add_cte(line)


def look_for(filters: Mapping[str, Any], ways: tuple[Way, ...]) -> Search | None:
    """The search that `q` and `metadata` of these filters ask for, or None where they ask for none. Of many words the
    longest count, and no word finds nothing."""
    if "q" not in filters and "metadata" not in filters:
        return None
    given = set(filters.get("q", "").split())
    # What is nothing but punctuation counts where there is nothing else, and stands in no row.
    words = {word for word in given if any(map(str.isalnum, word))} or given
    longest = sorted(words, key=lambda word: (-len(word), word))[:_MOST_WORDS]
    found_by: dict[str, Any] = {f"word{number}": word for number, word in enumerate(longest)}
    if pieces := filters.get("metadata"):
        names, values = [*pieces], [*pieces.values()]
        found_by |= {"name": names[0], "value": values[0], "names": names, "values": values}
    return Search(_Pattern(ways, len(longest), bool(pieces)), found_by)


def _is_word(word: str, traits: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    return [*_is(_WORD, traits), traits.c.value.op("^@")(sa.func.search_fold(sa.bindparam(word, type_=sa.Text)))]


def _is_first_piece(traits: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    return [*_is(_NAME, traits), traits.c.value == _VALUE]


def _is(key: Any, traits: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    return [traits.c.organization_id == _TENANT, traits.c.key == key]


def _everywhere(_place: Any, _id: Any) -> sa.ColumnElement[bool]:
    return sa.true()
