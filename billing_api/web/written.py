"""What was written out of an object, kept in memory: as long as the object stands as it did, it is not read and written
out again. Of one object by itself it is kept in Redis too, where there is one.

Nothing that is kept is ever stale, and nothing has to be forgotten: the database is asked each time, in the message
that lets the request in, how the object stands, and what was written holds for that alone.
"""

import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any, Protocol

import orjson
from cachetools import LRUCache
from flask import Flask, Response, current_app

from billing_api import clock, redis_line
from billing_api.unit_of_work import unit
from billing_api.web.dumping import Written, WrittenList
from billing_api.web.fields import Schema
from billing_api.web.preconditions import is_known
from billing_api.web.redis_shelf import Key, RedisShelf
from billing_api.web.request import Request, current_request

MOST_BYTES = 16 * 2**20
"""So much is kept in the memory of each process: some 2,500 invoices of three lines."""
_OVERHEAD_BYTES = 500
"""What a text takes beside itself, its key among it."""


View = Callable[..., Any]


class Shelf:
    """Written texts by what they hold for; of too many those go that were not asked for the longest."""

    def __init__(self, shared: RedisShelf | None = None) -> None:
        self._shared = shared
        self._texts: LRUCache[Hashable, bytes] = LRUCache(MOST_BYTES, lambda text: len(text) + _OVERHEAD_BYTES)
        self._lock = Lock()

    @property
    def is_shared(self) -> bool:
        """Whether other processes find what is put here."""
        return self._shared is not None

    def connect(self) -> None:
        """Be ready for the first request of this process."""
        if self._shared:
            self._shared.connect()

    def find(self, keys: Iterable[Hashable | None]) -> list[bytes | None]:
        """What stands under each of these keys; nothing under None."""
        with self._lock:
            return [self._texts.get(key) for key in keys]

    def put(self, texts: Mapping[Hashable, bytes]) -> None:
        """Keep these; one that is larger than all that may be kept is let go."""
        with self._lock:
            for key, text in texts.items():
                if len(text) + _OVERHEAD_BYTES <= self._texts.maxsize:
                    self._texts[key] = text

    def find_shared(self, key: Key | None) -> bytes | None:
        """What stands under this key, here or in Redis, where any process may have left it."""
        (text,) = self.find([key])
        if text is None and key is not None and self._shared:
            text = self._shared.find(key)
            self.put({} if text is None else {key: text})
        return text

    def share(self, key: Key | None, text: bytes) -> None:
        """Keep this here and in Redis; nothing under None."""
        if key is not None:
            self.put({key: text})
            if self._shared:
                self._shared.put(key, text)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an object stands: its version, and what of it shows though it may change without a new one; None where that
    is too much to be compared."""

    id: str
    version: int
    holds: Hashable | None


class Find(Protocol):
    """Looks for the version and the facts of one object, alone or in the transaction at hand. Raises NotFound."""

    def __call__(self, id: uuid.UUID, *, alone: bool) -> Sequence[Any]: ...


@dataclass(frozen=True, eq=False)
class Writer:
    """Writes objects in the form of a schema; `read` brings those with the given ids, as far as they are there. Its
    name is its own.

    `facts` are columns that a list looks at beside the version, and `holds` is what they come to. What the filters
    named in `passing` ask for is another thing tomorrow. `read_as_found` brings one object as it stood when its state
    was found; None where it stands so no more.
    """

    name: str
    schema: Schema
    read: Callable[[Sequence[uuid.UUID]], Iterable[Any]]
    facts: tuple[Any, ...] = ()
    read_as_found: Callable[[uuid.UUID, Any], Any] = lambda _id, _found: None
    holds: Callable[..., Hashable | None] = lambda: ()
    passing: frozenset[str] = frozenset()

    def standing(self, id: str, version: int, *facts: Any) -> Standing:
        """How an object stands of which this was found."""
        return Standing(id, version, self.holds(*facts))

    def one(self, id: uuid.UUID, find: Find) -> Written:
        """One object: what is kept of it, or else as it stands in one moment. Raises what `find` raises."""
        found = find(id, alone=True)
        standing = self.standing(str(id), *found)
        if (written := self._at_hand(standing)) is not None:
            return written
        one = None if standing.holds is None else self.read_as_found(id, found)
        if one is None:
            standing = self.standing(str(id), *find(id, alone=False))
            (one,) = self.read([id])
        return self._fresh(standing, one)

    def whole(self, id: uuid.UUID, found: Sequence[Any], make: Callable[[], Any]) -> Written:
        """One object that was fetched whole to see how it stands, since nothing else belongs to it: what is kept of it,
        or else what is made of it. Its version and its facts were `found`."""
        standing = self.standing(str(id), *found)
        return self._at_hand(standing) or self._fresh(standing, make())

    def page(self, rows: Sequence[Sequence[Any]]) -> WrittenList | None:
        """A list of all of which an id, a version and the facts were found, if all is kept. The list is kept itself,
        for as long as it is the same, and no day ends anywhere."""
        key = (self.name, unit().tenant.int, clock.quarter(), sha256(orjson.dumps(rows)).digest())
        (text,) = _shelf().find([key])
        if text is None:
            found = self.kept([self.standing(*row) for row in rows])
            if found is None:
                return None
            text = b"[%b]" % b",".join(one.text for one in found)
            _shelf().put({key: text})
        return WrittenList(text)

    def kept(self, standings: Sequence[Standing]) -> list[Written] | None:
        """What is kept of all of these; None where anything is lacking."""
        texts = _shelf().find([self._key(one) for one in standings])
        found = [Written(one.version, text) for one, text in zip(standings, texts, strict=True) if text is not None]
        return found if len(found) == len(standings) else None

    def kept_alone(self, standing: Standing) -> Written | None:
        """What is kept of one, here or in Redis."""
        text = _shelf().find_shared(self._key(standing))
        return None if text is None else Written(standing.version, text)

    def written(self, standings: Sequence[Standing]) -> list[Written]:
        """All of these; those that are lacking are read, in the transaction in which they stand so."""
        keys = {one.id: self._key(one) for one in standings}
        texts = dict(zip(keys, _shelf().find(keys.values()), strict=True))
        lacking = [id for id, text in texts.items() if text is None]
        fresh = {str(one.id): orjson.dumps(self.schema.dump(one)) for one in (self._read(lacking) if lacking else ())}
        _shelf().put({keys[id]: text for id, text in fresh.items() if keys[id] is not None})
        whole = {**texts, **fresh}
        return [Written(one.version, text) for one in standings if (text := whole[one.id]) is not None]

    def objects(self, standings: Sequence[Standing]) -> list[Any]:
        """All of these as they are read, not written yet."""
        found = {str(one.id): one for one in self._read([one.id for one in standings])}
        return [found[one.id] for one in standings]

    def _read(self, ids: Sequence[str]) -> Iterable[Any]:
        return self.read([uuid.UUID(id) for id in ids])

    def _at_hand(self, standing: Standing) -> Written | None:
        """What of one object need not be written: what the client holds, or what is kept here or in Redis."""
        request = current_request()
        # Of what is known nothing will be sent: see `web.api`.
        is_held = is_known(request, standing.version)
        found = Written(standing.version, b"") if is_held else self.kept_alone(standing)
        request.is_kept = found is not None
        return found

    def _fresh(self, standing: Standing, one: Any) -> Written:
        text = orjson.dumps(self.schema.dump(one))
        _shelf().share(self._key(standing), text)
        return Written(standing.version, text)

    def _key(self, standing: Standing) -> Key | None:
        key = (self.name, unit().tenant.int, standing.id, standing.version, standing.holds)
        return None if standing.holds is None else key


def tells_cache(view: View) -> View:
    """Let each answer of the view say whether what it shows was kept (`X-Cache`), where there is a Redis."""
    view.tells_cache = True  # type: ignore[attr-defined]  # read below, and by the document
    return view


def init_app(app: Flask) -> None:
    """Give the application its shelf. Raises ConfigError where a Redis is named that nobody could ask."""
    url, shared = app.config["BILLING_REDIS_URL"], None
    if url:
        with app.app_context():
            shared = RedisShelf(redis_line.opened(url))
    app.extensions["shelf"] = Shelf(shared)


def connect(app: Flask) -> None:
    """Be ready for the first request of this process, which nobody is forked from."""
    app.extensions["shelf"].connect()


def tell(request: Request, answer: Response) -> None:
    """Say whether what the view shows was kept, where it says so."""
    if getattr(request.view, "tells_cache", False) and answer.status_code in {200, 304} and _shelf().is_shared:
        answer.headers["X-Cache"] = "hit" if request.is_kept else "miss"


def _shelf() -> Shelf:
    shelf: Shelf = current_app.extensions["shelf"]
    return shelf
