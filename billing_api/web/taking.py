"""What the fields take at once: values of plain types that are plainly right. All that is only perhaps right is for the
field itself to judge, and so nothing here says of anything that it is wrong."""

import datetime as dt
import re
import uuid
from decimal import Decimal
from typing import Any

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from marshmallow import missing

from billing_api.web.decimals import Exact
from billing_api.web.fields import Choice, Date, Email, Flag, Id, Integer, Key, OneLine, Prose, Text
from billing_api.web.loading import Take, Takers

_NEVER_PRINTABLE = frozenset({Text.refused, OneLine.refused, Prose.refused})
"""Classes of characters of which none is printable."""
_ID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile("(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])")
"""Days that every month has."""
_EMAIL = re.compile(r"[A-Za-z0-9]+([._+-][A-Za-z0-9]+)*@([A-Za-z0-9]+(-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,}")
_SHORT = 63
"""No part of an address that is no longer than this can be too long."""
_LONGEST = 40
"""So long may the text of a number be, its point counted."""
_RESERVED = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)


def _text(field: Text) -> Take | None:
    shortest, longest = field.minimum, field.maximum
    fits = field.pattern.fullmatch if field.pattern else None

    def take(value: Any) -> Any:
        # Of all blanks only the space is printable; NUL and lone surrogates are not.
        is_plain = type(value) is str and value.isprintable() and not value.isspace()
        return value if is_plain and shortest <= len(value) <= longest and (not fits or fits(value)) else missing

    return take if field.refused in _NEVER_PRINTABLE else None


def _key(field: Key) -> Take | None:
    take_text = _text(field)
    return take_text and (lambda value: value if take_text(value) is value and value == value.strip() else missing)


def _email(field: Email) -> Take | None:
    def take(value: Any) -> Any:
        is_plain = type(value) is str and len(value) <= _SHORT and _EMAIL.fullmatch(value)
        return value if is_plain and not value.lower().endswith(_RESERVED) else missing

    return take


def _choice(field: Choice) -> Take:
    choices = field.choices
    return lambda value: value if type(value) is str and value in choices else missing


def _flag(field: Flag) -> Take:
    return lambda value: value if type(value) is bool else missing


def _integer(field: Integer) -> Take:
    minimum, maximum = field.minimum, field.maximum
    return lambda value: value if type(value) is int and minimum <= value <= maximum else missing


def _id(field: Id) -> Take:
    return lambda value: uuid.UUID(value) if type(value) is str and _ID.fullmatch(value) else missing


def _date(field: Date) -> Take:
    return lambda value: dt.date.fromisoformat(value) if type(value) is str and _DATE.fullmatch(value) else missing


def _exact(field: Exact) -> Take | None:
    """Of texts and whole numbers that are not below zero."""
    form = re.compile(rf"(?:0|[1-9][0-9]{{0,{field.whole - 1}}})(?:\.[0-9]{{1,{field.places}}})?").fullmatch
    limit, minimum, maximum = 10**field.whole, field.minimum, field.maximum

    def take(value: Any) -> Any:
        if type(value) is str and form(value):
            # Zeros at the end are not decimals.
            number = Decimal(value.rstrip("0").rstrip(".") if "." in value else value)
        elif type(value) is int and 0 <= value < limit:
            number = Decimal(value)
        else:
            return missing
        is_low = minimum is not None and number < minimum
        return missing if is_low or (maximum is not None and number > maximum) else number

    return take if field.whole + field.places < _LONGEST else None


TAKERS: Takers = {
    Text._deserialize: _text,
    Key._deserialize: _key,
    Email._deserialize: _email,
    Choice._deserialize: _choice,
    Flag._deserialize: _flag,
    Integer._deserialize: _integer,
    Id._deserialize: _id,
    Date._deserialize: _date,
    Exact._deserialize: _exact,
}
"""Fields of other kinds, and those in queries, judge each value by themselves."""
