"""Requests are read strictly: one parser, in the order media type, size, UTF-8, JSON, object, schema."""

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote_to_bytes

import marshmallow as ma
from cachetools import LRUCache
from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException

from billing_api.errors import Fault, Invalid, Malformed, PayloadTooLarge, UnsupportedMediaType
from billing_api.web.json import read
from billing_api.web.references import absent
from billing_api.web.request import current_request

MERGE_PATCH = "application/merge-patch+json"
FORM = "application/x-www-form-urlencoded"
MAX_FAULTS = 1000
"""An answer with a fault for each of a hundred thousand unknown members would be ten times the request."""
ANY_NAME = "KEY"
"""What stands in a parameter's name for one that the client gives, as in `metadata.KEY`."""
_WRONG_QUERY = "A query parameter is wrong."
_JSON_TYPES = frozenset({"application/json", MERGE_PATCH})
_LONGEST_KEPT = 512
_queries: LRUCache[tuple[Any, bytes], Any] = LRUCache(1024)
"""What schemas have made of queries, and, by what is known at a door, those in which nothing else stands. Neither
depends on anything but the query, and the same ones come again and again."""
_lock = Lock()


class StrictParser(FlaskParser):
    """webargs' parser without its leniency."""

    __location_map__ = {**FlaskParser.__location_map__, "merge_patch": "load_merge_patch"}
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": ma.RAISE, "merge_patch": None}

    def parse(self, argmap: Any, req: Request | None = None, *, location: str | None = None, **options: Any) -> Any:
        asked = req or current_request()
        if location != "query":
            return super().parse(argmap, asked, location=location, **options)
        key = (argmap, asked.query_string)
        loaded = _kept(key)
        if loaded is None:
            loaded = super().parse(argmap, asked, location=location, **options)
            _keep(key, loaded)
        return {**loaded}

    def load_json(self, req: Request, schema: ma.Schema) -> dict[str, Any]:
        return body_of(req)

    def load_form(self, req: Request, schema: ma.Schema) -> dict[str, Any]:
        return form_of(req)

    def load_merge_patch(self, req: Request, schema: ma.Schema) -> dict[str, Any]:
        return body_of(req)

    def load_querystring(self, req: Request, schema: ma.Schema) -> dict[str, str]:
        # `dry_run` belongs to the edge and stands in no schema.
        return {name: value for name, value in req.args.items() if name != "dry_run"}

    def handle_error(self, error: ma.ValidationError, req: Request, schema: ma.Schema, **_: Any) -> NoReturn:
        location = next(iter(error.messages)) if isinstance(error.messages, dict) else "json"
        messages = error.messages[location] if isinstance(error.messages, dict) else error.messages
        if location == "query":
            raise Malformed(_WRONG_QUERY, faults=list(_of_query(messages)))
        raise invalid(messages, absent(schema, body_of(req)) if location == "json" else ())


def invalid(messages: Any, others: Sequence[Fault] = ()) -> Invalid:
    """marshmallow's nested messages, and the other faults of what these leave alone, as one refusal with a JSON pointer
    to each."""
    faults = list(flaws(messages))
    told = {fault.pointer for fault in faults}
    faults += [fault for fault in others if fault.pointer not in told]
    return Invalid(f"{len(faults)} fault{'s' * (len(faults) != 1)} in the body.", faults=faults[:MAX_FAULTS])


def flaws(messages: Any, pointer: str = "") -> Iterator[Fault]:
    """Walk marshmallow's messages; `_schema` stands for the object itself."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            step = "" if name == "_schema" else "/" + _shown(str(name)).replace("~", "~0").replace("/", "~1")
            yield from flaws(inner, pointer + step)
    elif isinstance(messages, list):
        for message in messages:
            yield from flaws(message, pointer)
    else:
        yield Fault(
            getattr(messages, "code", Invalid.code), str(messages), pointer=pointer + getattr(messages, "below", "")
        )


def _shown(name: str) -> str:
    """The name as it can be answered: a lone surrogate, which no UTF-8 can hold, becomes the replacement character."""
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def body_of(req: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object, and needs no Content-Type.

    Raises:
        UnsupportedMediaType: another type, charset or encoding.
        PayloadTooLarge: more than MAX_CONTENT_LENGTH.
        Malformed: not a JSON object, or it broke off.
    """
    if req.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("A compressed body is not read here.", headers={"Accept-Encoding": "identity"})
    if req.content_length or req.headers.get("Transfer-Encoding") or req.content_type:
        _check_type(req)
    body = _content(req)
    if not body:
        return {}
    if not req.content_type:
        raise UnsupportedMediaType("The body has no Content-Type; send application/json.")
    value = read(body)
    if not isinstance(value, dict):
        raise Malformed(
            "The body must be a JSON object.", faults=[Fault("not-an-object", "An object belongs here.", "")]
        )
    return value


def form_of(req: Request) -> dict[str, str]:
    """The fields of a form, as a page or OAuth 2 sends it.

    Raises:
        UnsupportedMediaType: another type, charset or encoding.
        Malformed: a field stands twice, or is not UTF-8.
    """
    if req.mimetype != FORM or req.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(f"Send a form here: {FORM}.")
    try:
        fields = parse_qsl(_content(req).decode(), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise Malformed("The form cannot be read as UTF-8 of at most 100 fields.") from None
    if len(fields) > len(dict(fields)):
        raise Malformed("A field of the form stands twice.")
    return dict(fields)


def _content(req: Request) -> bytes:
    """All bytes of the body. werkzeug cuts one in chunks off at the limit, and takes one that breaks off as it is: what
    is left may be JSON, but is not what the client sent."""
    try:
        body = req.get_data(cache=True)
        limit = req.max_content_length
        is_longer = limit is not None and len(body) == limit and bool(req.environ["wsgi.input"].read(1))
    except HTTPException:
        raise
    except Exception:
        # Each server has errors of its own for a chunk that is none.
        raise Malformed("The body cannot be read to its end.") from None
    if is_longer:
        raise PayloadTooLarge(len(body))
    if req.content_length is not None and len(body) < req.content_length:
        raise Malformed("The body is shorter than its Content-Length.")
    return body


def check_target(req: Request) -> None:
    """Refuse what no text column and no id can hold: NUL, and bytes that are not UTF-8, in path or query.

    Raises:
        Malformed: naming which of the two it is.
    """
    path, query = req.environ.get("PATH_INFO", ""), req.query_string
    if path.isascii() and path.isprintable() and query.isascii() and b"%" not in query:
        return
    parts = {"path": path.encode("latin-1"), "query": unquote_to_bytes(query)}
    for name, raw in parts.items():
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed(f"The {name} is not UTF-8.") from None
        if "\0" in text:
            raise Malformed(f"The {name} holds a NUL character.")


def check_query(req: Request, known: frozenset[str], schemas: Sequence[ma.Schema]) -> None:
    """Refuse query parameters that are unknown here, or that stand twice; where there are such, what else the schemas
    find wrong with the others is told beside them.

    Raises:
        Malformed: with one fault for each.
    """
    if not req.query_string or _kept((known, req.query_string)):
        return
    faults: list[Fault] = []
    families = tuple(name.removesuffix(ANY_NAME) for name in known if name.endswith(f".{ANY_NAME}"))
    for name, values in req.args.lists():
        if name not in known and not name.startswith(families):
            faults.append(Fault("unknown-parameter", "There is no such parameter here.", parameter=name))
        elif len(values) > 1:
            faults.append(Fault("repeated-parameter", "It stands more than once.", parameter=name))
        elif name == "dry_run" and values[0] not in {"true", "false"}:
            faults.append(Fault("not-a-boolean", "Write true or false.", parameter=name))
    if faults:
        told = {fault.parameter for fault in faults}
        unread = {"dry_run", *(fault.parameter for fault in faults if fault.code == "unknown-parameter")}
        given = {name: value for name, value in req.args.items() if name not in unread}
        found = [fault for schema in schemas for fault in _of_query(schema.validate(given))]
        raise Malformed(_WRONG_QUERY, faults=[*faults, *(one for one in found if one.parameter not in told)])
    _keep((known, req.query_string), True)


def _kept(key: tuple[Any, bytes]) -> Any:
    with _lock:
        return _queries.get(key)


def _keep(key: tuple[Any, bytes], found: Any) -> None:
    if len(key[1]) <= _LONGEST_KEPT:
        with _lock:
            _queries[key] = found


def _of_query(messages: Any) -> Iterator[Fault]:
    """What a schema finds wrong with a query."""
    for fault in flaws(messages):
        yield Fault(fault.code, fault.detail, parameter=_parameter(fault.pointer or "/"))


def _parameter(pointer: str) -> str:
    """The parameter in which a fault is; of one whose name the client gives, that name stands behind it."""
    name = pointer[1:].replace(f".{ANY_NAME}/", ".", 1).split("/")[0]
    return name.replace("~1", "/").replace("~0", "~")


def _check_type(req: Request) -> None:
    charset = req.mimetype_params.get("charset", "utf-8").lower()
    if req.mimetype not in _JSON_TYPES or (req.mimetype == MERGE_PATCH and req.method != "PATCH"):
        raise UnsupportedMediaType(f"{req.mimetype or 'An unnamed type'} is not read here; send application/json.")
    if charset not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("The charset of JSON is UTF-8.")
