"""What was written, kept in Redis for all processes: behind the shelf that each has in its memory.

An entry is named after all that it holds for, so that none is ever stale and none has to be forgotten, and is sealed
together with that name: Redis learns nothing of what stands in it, and whoever can write there can take an entry away,
but not change an answer. Nothing that Redis does is a fault of a request; what it does not bring is read.
"""

import hashlib
import os
from collections.abc import Hashable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import structlog
from cryptography.exceptions import InvalidTag
from flask import current_app
from prometheus_client import Counter

from billing_api import sealing
from billing_api.fault_points import reach
from billing_api.redis_line import RedisLine, Refused

SECONDS = 24 * 60 * 60
"""An entry goes by itself after a day, whether or not anybody has asked for it."""
LARGEST = 2**20
"""No more bytes than these are kept of one object, or are taken from whatever stands under its name."""
_NONCE = 12

asked = Counter("billing_redis_asked_total", "Objects looked for, or left, in Redis", ["deed", "result"])
log = structlog.get_logger()

Key = tuple[str, int, str, int, Hashable]
"""Who wrote it, whose it is, which it is, its version, and what else it holds for."""


class RedisShelf:
    """Written texts by what they hold for, shared by all processes of one release with one secret key."""

    def __init__(self, line: RedisLine) -> None:
        self._line = line
        self._cipher = sealing.cipher("what was written")
        self._prefix = f"billing:{release()}"
        self._is_refused = False

    def connect(self) -> None:
        """Be ready for the first request of this process."""
        self._line.connect()

    def find(self, key: Key) -> bytes | None:
        """What was left under this key; None also where Redis does not tell, or tells what we have not left."""
        name = self._name(key)
        try:
            reach("cache_get")
            # However long the value is that somebody else left there, only so much of it is sent.
            sealed = self._line.ask("GETRANGE", name, 0, LARGEST - 1)
            text = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name) if sealed else None
        except Exception as error:
            asked.labels("find", _result(error)).inc()
            return None
        asked.labels("find", "miss" if text is None else "hit").inc()
        return text

    def put(self, key: Key, text: bytes) -> None:
        """Keep this for a day, if Redis will."""
        name, nonce = self._name(key), os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, text, name)
        if len(sealed) > LARGEST:
            return
        try:
            self._line.ask("SET", name, sealed, "EX", SECONDS)
        except Exception as error:
            asked.labels("put", _result(error)).inc()
            self._note_refusal(error)
        else:
            asked.labels("put", "kept").inc()
            self._is_refused = False

    def _name(self, key: Key) -> bytes:
        writer, tenant, id, version, holds = key
        return f"{self._prefix}:{writer}:{tenant:032x}:{id}:{version}:{orjson.dumps(holds).decode()}".encode()

    def _note_refusal(self, error: Exception) -> None:
        """One line in the log until something is taken again. Of its absence the line to Redis tells."""
        if isinstance(error, Refused) and not self._is_refused:
            self._is_refused = True
            log.warning("redis refuses", reason=str(error))


def release() -> str:
    """A digest of all that a text depends on beside its object: this program to the letter, what it writes with, and
    the form of the database. What another release has left is never found."""
    digest = hashlib.sha256()
    for path in sorted(Path(sealing.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    others: list[Any] = [version("marshmallow"), version("orjson"), current_app.config["BILLING_MIGRATION_HEAD"]]
    digest.update(orjson.dumps(others))
    return digest.hexdigest()[:16]


def _result(error: Exception) -> str:
    """The word under which a failure is counted."""
    if isinstance(error, InvalidTag | ValueError | TypeError):
        return "garbled"
    return "refused" if isinstance(error, Refused) else "away"
