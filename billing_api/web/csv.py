"""Comma-separated values of what JSON shows as a list (RFC 4180): a column for each member, a row for each item.

A member of an object stands under its path with points; a list, and an object of free names, as JSON in one cell; links
are left out. Where items have lists of their own that are rows, what stands around them is repeated in each.
"""

import csv
import io
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

import orjson
from flask import Request
from marshmallow import fields
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from billing_api.web.fields import Schema
from billing_api.web.loading import key_of
from billing_api.web.response import Response

CSV = "text/csv"
LEFT_OUT = frozenset({"links"})

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets read these too
"""What a text begins with that a spreadsheet may take for a formula."""

_PLACE = re.compile(r"<(?:\w+:)?(\w+)>")
"""Where an id stands in a rule of the router."""

Path = tuple[str, ...]
Level = tuple[str, list[Path]]


@dataclass(frozen=True, slots=True)
class Export:
    """What is given out as a table: of which address, with what ids in it, by which parameters, and how many items."""

    path: str
    ids: dict[str, str]
    parameters: list[str]
    items: int


_on_export: list[Callable[[Export], None]] = []


def on_export(tell: Callable[[Export], None]) -> Callable[[Export], None]:
    """Have each table told, before it leaves, to a resource that the edge does not know."""
    _on_export.append(tell)
    return tell


def tell(export: Export) -> None:
    """Tell those who asked for it, in the unit of work at hand."""
    for listener in _on_export:
        listener(export)


def is_tabular(schema: object) -> TypeGuard[Schema]:
    """Whether what a schema shows can be asked for as CSV: it names the list that makes the rows."""
    return isinstance(schema, Schema) and bool(schema.rows)


def is_wanted(request: Request) -> bool:
    """Whether `Accept` would rather have CSV than JSON; who minds neither gets JSON."""
    return accepted(request, ("application/json", CSV)) == CSV


def accepted(request: Request, kinds: Sequence[str]) -> str | None:
    """The best of these media types for `Accept`, or None; its parameters, such as a charset, choose nothing here."""
    return _best(request.headers.get("Accept", ""), tuple(kinds))


@lru_cache(maxsize=128)
def _best(accept: str, kinds: Sequence[str]) -> str | None:
    """The same for a header's text, of which clients send few."""
    given = parse_accept_header(accept, MIMEAccept)
    ranges = [(one.partition(";")[0].strip(), quality) for one, quality in given]
    return MIMEAccept(ranges).best_match(kinds) if ranges else kinds[0]


def answer(schema: Schema, dump: Mapping[str, Any]) -> Response:
    """A page or a report as CSV, with a row of names at its head."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header(schema))
    writer.writerows(_rows(dump, list(_levels(schema))))
    response = Response(text.getvalue().encode())
    response.headers["Content-Type"] = f"{CSV}; charset=utf-8; header=present"
    return response


def exported(request: Request, schema: Schema, dump: Mapping[str, Any]) -> Export:
    """What an answer gives out; the values of parameters stay out of it, for they may be somebody's address."""
    rule = request.url_rule.rule if request.url_rule else ""
    ids = {name: str(id) for name, id in (request.view_args or {}).items() if isinstance(id, uuid.UUID)}
    return Export(_PLACE.sub(r"{\1}", rule), ids, sorted({*request.args}), len(dump[schema.rows[0]]))


def header(schema: Schema) -> list[str]:
    """The names of the columns."""
    outer = len(schema.rows[0]) + 1
    names = []
    for depth, (_, paths) in enumerate(_levels(schema)):
        names += [".".join((*schema.rows[: depth + 1], *path))[outer:] for path in paths]
    return names


def cell(value: Any) -> str:
    """A value as a cell, in which no spreadsheet finds a formula: a text that might be one has an apostrophe before it.

    A number stays a number, below zero too.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = orjson.dumps(value).decode() if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _levels(schema: Schema) -> Iterator[Level]:
    """The lists that make rows, from the outside in, each with those members of its items that have a column."""
    for name, inner in zip(schema.rows, (*schema.rows[1:], None), strict=True):
        schema = schema.fields[name].inner.schema  # type: ignore[attr-defined]  # the rows are a list of objects
        members = ((member, field) for member, field in schema.fields.items() if member != inner)
        yield name, [path for member, field in members for path in _paths(member, field)]


def _rows(whole: Mapping[str, Any], levels: Sequence[Level]) -> Iterator[list[str]]:
    (name, paths), deeper = levels[0], levels[1:]
    for item in whole[name]:
        own = [cell(_value(item, path)) for path in paths]
        if deeper:
            yield from (own + more for more in _rows(item, deeper))
        else:
            yield own


def _paths(name: str, field: fields.Field[Any]) -> Iterator[Path]:
    name = key_of(name, field)
    if name in LEFT_OUT or field.metadata.get("x_optional"):
        return
    if isinstance(field, fields.Nested) and not field.many:
        for inner, part in field.schema.fields.items():
            yield from ((name, *path) for path in _paths(inner, part))
    else:
        yield (name,)


def _value(one: Any, path: Path) -> Any:
    for name in path:
        one = one.get(name) if one is not None else None
    return one
