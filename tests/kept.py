"""Whether what is kept of an object, in memory or in Redis, is what would be written of it now, the statement of a page
what would be asked now, and a query what would be read now: asked at each hit of each test."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from billing_api.database import compiled
from billing_api.web import pagination, parser
from billing_api.web.dumping import Written, WrittenList
from billing_api.web.parser import StrictParser
from billing_api.web.request import current_request
from billing_api.web.written import Standing, Writer

_statement, _parse = pagination._statement, StrictParser.parse
_stale: list[str] = []
_resting = False


@contextmanager
def compared() -> Iterator[None]:
    """Read again whatever is handed out from the shelf, and note what differs."""
    page, kept, kept_alone = Writer.page, Writer.kept, Writer.kept_alone

    def comparing_page(self: Writer, rows: Sequence[Sequence[Any]]) -> WrittenList | None:
        found = page(self, rows)
        if found and not _resting:
            texts = [orjson.dumps(one) for one in orjson.loads(found.text)]
            standings = [self.standing(*row) for row in rows]
            _compare(self, standings, [Written(one.version, text) for one, text in zip(standings, texts, strict=True)])
        return found

    def comparing(self: Writer, standings: Sequence[Standing]) -> list[Written] | None:
        found = kept(self, standings)
        if found and not _resting:
            _compare(self, standings, found)
        return found

    def comparing_alone(self: Writer, standing: Standing) -> Written | None:
        found = kept_alone(self, standing)
        if found and not _resting:
            _compare(self, [standing], [found])
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "page", comparing_page)
        patch.setattr(Writer, "kept", comparing)
        patch.setattr(pagination, "_statement", _compare_page)
        patch.setattr(Writer, "kept_alone", comparing_alone)
        patch.setattr(StrictParser, "parse", _compare_query)
        yield


@contextmanager
def uncompared() -> Iterator[None]:
    """Where statements are counted, let none be added."""
    global _resting
    _resting = True
    try:
        yield
    finally:
        _resting = False


def stale() -> list[str]:
    """What was handed out though it was not true any more, since this was last asked."""
    found = [*_stale]
    _stale.clear()
    return found


def _compare_query(
    self: StrictParser, argmap: Any, req: Any = None, *, location: str | None = None, **more: Any
) -> Any:
    key = (argmap, current_request().query_string)
    kept = parser._queries.pop(key, None)
    now = _parse(self, argmap, req, location=location, **more)
    if kept is not None:
        parser._queries[key] = kept
        if kept != now:
            _stale.append(f"{kept} is kept of a query that is {now}")
    return now if kept is None else _parse(self, argmap, req, location=location, **more)


def _compare_page(asked: Any, writer: Writer) -> Any:
    # Twice, for what is asked once is not kept, and no test asks the same again and again.
    kept = _statement(asked, writer) or _statement(asked, writer)
    if kept is not None:
        now = compiled(asked.versions(writer), is_planned_anew=True)
        if kept != now:
            _stale.append(f"{kept} is kept of what is {now}")
    return kept


def _compare(writer: Writer, standings: Sequence[Standing], found: Sequence[Written]) -> None:
    now = {str(one.id): one for one in writer.read([uuid.UUID(one.id) for one in standings])}
    for standing, written in zip(standings, found, strict=True):
        one = now.get(standing.id)
        # What has changed since the request was let in is no fault.
        if one is not None and one.version == standing.version:
            fresh = orjson.dumps(writer.schema.dump(one))
            if fresh != written.text:
                _stale.append(f"{written.text!r} is kept of what is {fresh!r}")
