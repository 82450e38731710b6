"""What was written out of an object, kept in memory: as long as the object stands as it did, it is not read and written
out again.

Nothing that is kept is ever stale, and nothing has to be forgotten: the database is asked each time, in the message
that lets the request in, how the object stands, and what was written holds for that alone.
"""

import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

import orjson
from cachetools import LRUCache
from flask import Flask, current_app

from billing_api.unit_of_work import unit
from billing_api.web.dumping import Written
from billing_api.web.fields import Schema
from billing_api.web.preconditions import is_known

MOST_BYTES = 8 * 2**20
"""So much is kept in the memory of each process: some 1,500 invoices of three lines."""
_OVERHEAD_BYTES = 500
"""What a text takes beside itself, its key among it."""


class Shelf:
    """Written texts by what they hold for; of too many those go that were not asked for the longest."""

    def __init__(self) -> None:
        self._texts: LRUCache[Hashable, bytes] = LRUCache(MOST_BYTES, lambda text: len(text) + _OVERHEAD_BYTES)
        self._lock = Lock()

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
    """Writes objects in the form of a schema; `read` brings those with the given ids, as far as they are there.

    `facts` are columns that are looked at beside the version, and `holds` is what they come to.
    """

    schema: Schema
    read: Callable[[Sequence[uuid.UUID]], Iterable[Any]]
    facts: tuple[Any, ...] = ()
    holds: Callable[..., Hashable | None] = lambda: ()

    def standing(self, id: str, version: int, *facts: Any) -> Standing:
        """How an object stands of which this was found."""
        return Standing(id, version, self.holds(*facts))

    def one(self, id: uuid.UUID, find: Find) -> Written:
        """One object: what is kept of it, or else as it stands in one moment. Raises what `find` raises."""
        standing = self.standing(str(id), *find(id, alone=True))
        if is_known(standing.version):
            # Nothing of it will be sent: see `web.api`.
            return Written(standing.version, b"")
        kept = self.kept([standing])
        return kept[0] if kept else self.written([self.standing(str(id), *find(id, alone=False))])[0]

    def kept(self, standings: Sequence[Standing]) -> list[Written] | None:
        """What is kept of all of these; None where anything is lacking."""
        texts = _shelf().find([self._key(one) for one in standings])
        found = [Written(one.version, text) for one, text in zip(standings, texts, strict=True) if text is not None]
        return found if len(found) == len(standings) else None

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

    def _key(self, standing: Standing) -> Hashable | None:
        key = (id(self), unit().tenant.int, standing.id, standing.version, standing.holds)
        return None if standing.holds is None else key


def init_app(app: Flask) -> None:
    """Give the application its shelf."""
    app.extensions["shelf"] = Shelf()


def _shelf() -> Shelf:
    shelf: Shelf = current_app.extensions["shelf"]
    return shelf
