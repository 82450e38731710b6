"""JSON: strict in, exact out."""

import json
import math
import re
from collections import Counter
from decimal import Decimal
from typing import Any, Literal, NoReturn

import orjson
from flask.json.provider import JSONProvider

from billing_api.errors import Malformed
from billing_api.web.response import Response

MAX_DEPTH = 64
MAX_VALUES = 1_500_000
"""More than a mebibyte holds; of the sixteen that a bulk may have, it is one mark in eleven characters."""
_MAX_DIGITS = 64
_MAX_EXPONENT = 400
"""Beyond any binary double, and beyond what any member takes, in both directions: a larger one is read as this one, and
refused like it. Ten to the power of a billion is a short text and a number that fills the memory."""
# The closing quote is optional, so that an open string is read to the end once, and not again from each quote in it.
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class ExactJson(JSONProvider):
    """Flask's JSON through orjson; nothing that leaves holds a float or a Decimal."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return read(s if isinstance(s, bytes) else s.encode())

    def response(self, *args: Any, **kwargs: Any) -> Any:
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


class Number(Decimal):
    """A JSON number that was not written as a plain integer, exactly as its digits say."""

    __slots__ = ()


def write(value: Any) -> str:
    """A value as JSON for a column: fractions as the text of their digits, dates and ids as texts."""
    try:
        return orjson.dumps(value, default=_plain).decode()
    except TypeError:
        # An integer of more than 64 bits, or a text that is none, which the database refuses.
        return json.dumps(value, ensure_ascii=False, default=_plain)


def as_kept(value: Any) -> Any:
    """The same value as a column gives it back."""
    return json.loads(write(value))


def canonical(value: Any) -> str:
    """A value that was read in one form, to be compared only: two have the same where they are the same value, however
    they came. Members stand in order and strings in one spelling, as RFC 8785 has it, but numbers by their exact value,
    of which its binary doubles would lose a part."""
    return json.dumps(value, sort_keys=True, default=_one_form)


def read(body: bytes, what: Literal["body", "line"] = "body") -> Any:
    """The value of a JSON text (RFC 8259), read strictly; refusals name `what` it is, of a file each line.

    Numbers with a point or an exponent become `Number`, so no binary float is ever made.

    Raises:
        Malformed: not UTF-8, not JSON, a member twice, NaN or Infinity, nested too deep, or a number too long.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"The {what} is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise Malformed(f"The {what} begins with a byte order mark, which JSON does not allow.")
    _refuse_crowds(text, what)
    _refuse_depth(text, what)
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_float=_number,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        place = "" if what == "line" else f"line {error.lineno}, "
        raise Malformed(f"The {what} is not JSON: {place}column {error.colno}.") from None


def _plain(value: Any) -> int | str:
    if not isinstance(value, Number):
        return str(value)
    # `30.0` is a whole number also where it is read again, and only text keeps a fraction exact.
    return int(value) if value == value.to_integral_value() else f"{value:f}"


def _one_form(value: Number) -> int | list[Any]:
    """A number of a point or an exponent as what all ways of writing it come to: the integer that it is, where that may
    be read as one, and else its digits and exponent behind NaN, which nothing that was read can hold."""
    if not value or (value == value.to_integral_value() and value.adjusted() < _MAX_DIGITS):
        return int(value)
    digits, exponent = f"{value:E}".split("E")
    return [math.nan, digits.rstrip("0").rstrip("."), exponent]


def _refuse_crowds(text: str, what: str) -> None:
    """Count what separates values before any is made: sixteen mebibytes of empty lists would fill half a gigabyte."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise Malformed(f"The {what} has more than {MAX_VALUES:,} commas and opening brackets.")


def _refuse_depth(text: str, what: str) -> None:
    """Count brackets outside strings before parsing, because the parser's own answer to depth is a RecursionError."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for piece in _PIECES.finditer(text):
        first = text[piece.start()]
        if first == '"':
            continue
        depth += 1 if first in "[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"The {what} is nested more than {MAX_DEPTH} deep.")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = sorted(name for name, count in times.items() if count > 1)
        raise Malformed(f"A member stands twice in one object: {', '.join(repr(name[:40]) for name in twice[:5])}.")
    return members


def _number(text: str) -> Number:
    if len(text) > _MAX_DIGITS:
        raise Malformed(f"A number has more than {_MAX_DIGITS} characters.")
    digits, _, exponent = text.lower().partition("e")
    return Number(f"{digits}e{max(-_MAX_EXPONENT, min(int(exponent or 0), _MAX_EXPONENT))}")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise Malformed(f"A number has more than {_MAX_DIGITS} characters.")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON.")
