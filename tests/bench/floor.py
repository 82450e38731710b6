"""The least that could be done for the same answers: a handler by hand that sends the very statements that the service
sends, and does nothing besides. It judges, computes and refuses nothing, and knows its few tokens by heart.
"""

import itertools
import os
import pickle
import threading
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
from psycopg2.extras import register_uuid

from billing_api.postgres_cluster import connect
from tests.bench.script import Script, Scripts, is_alone, is_rows

_UNIQUE = {"number", "number_key", "sequence_value", "sequence", "email", "email_key"}
"""Parameters of which no two rows may have the same."""

register_uuid()
_scripts: Scripts = pickle.loads(Path(os.environ["FLOOR"]).read_bytes())  # noqa: S301 - written by ourselves
_local = threading.local()
_numbers = itertools.count(_scripts.first_number + os.getpid() * 1_000_000)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request with what the database says to its statements."""
    scripts = _scripts.by_token.get(environ.get("HTTP_AUTHORIZATION", "")[7:])
    if scripts is None:
        return _answer(start_response, "401 Unauthorized", {})
    _, _, resource, *ids = environ["PATH_INFO"].split("/")
    if environ["REQUEST_METHOD"] == "POST":
        body = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        _replay(scripts[f"create {resource}"], body.get("customer_id"))
        return _answer(start_response, "201 Created", body)
    found = _replay(scripts[f"{'get' if ids else 'list'} {resource}"], ids[0] if ids else None)
    # What is asked by its id comes first; what it names may come behind it without it.
    is_there = ids[0] in str(found[0][:1]) if ids else found[0]
    return _answer(start_response, "200 OK" if is_there else "404 Not Found", {"data": found})


def _answer(start_response: Callable[..., Any], status: str, body: Any) -> Iterable[bytes]:
    content = orjson.dumps(body, default=str)
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def _replay(script: Script, about: str | None) -> list[list[Any]]:
    """The rows that each statement yields, sent again for another object, in a transaction."""
    cursor = _cursor()
    others = {id: uuid.uuid4() for id in script.made()}
    if about and script.about:
        others[script.about] = uuid.UUID(about)
    number = next(_numbers)
    found = []
    for at, (text, given) in enumerate(script.statements):
        begin = "" if at or text.startswith("BEGIN") or is_alone(text) else "BEGIN; "
        cursor.execute(begin + text, {name: _other(name, value, others, number) for name, value in given.items()})
        found.append(cursor.fetchall() if cursor.description else [])
    if not is_alone(script.statements[0][0]):
        cursor.execute("COMMIT")
    return found


def _other(name: str, value: Any, others: dict[uuid.UUID, uuid.UUID], number: int) -> Any:
    base, _, at = name.partition("__")
    if base in _UNIQUE and value is not None:
        unique = number * 10 + int(at or 0)
        return unique if isinstance(value, int) else f"{unique}@example.com"
    if isinstance(value, list):
        return [others.get(one, one) for one in value]
    if is_rows(value):
        return _other_rows(value, others, number)
    return others.get(value, value) if isinstance(value, uuid.UUID) else value


def _other_rows(rows: str, others: dict[uuid.UUID, uuid.UUID], number: int) -> str:
    """New rows, for which there was no place yet."""
    for id, other in others.items():
        rows = rows.replace(str(id), str(other))
    made = orjson.loads(rows)
    for row in made:
        row.update({name: _other(name, row[name], {}, number) for name in _UNIQUE & row.keys()})
    return orjson.dumps(made).decode()


def _cursor() -> Any:
    if not hasattr(_local, "cursor"):
        _local.connection = connect(_scripts.database)
        _local.cursor = _local.connection.cursor()
    return _local.cursor
