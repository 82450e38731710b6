"""Numbers of documents: a pattern, a counter and a date make a number such as `INV-2026-0042`.

A pattern is literal text with `{YYYY}`, `{YY}` and `{MM}` of the issue date and exactly one counter, `{####}`, whose
width is the least number of digits: it widens by itself past 9999. A counter that starts anew each year needs
`{YYYY}`, or numbers would come twice. A number has at most 20 characters, which is what the strictest receivers take.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import Enum

from billing_api.errors import Conflict, Fault, Invalid

NUMBER_LENGTH = 20
"""The most characters that a number may have."""
LARGEST_VALUE = 10**15
"""The largest value that a counter may be set to, or be moved to by a number from elsewhere."""

_TOKEN = re.compile(r"\{([^{}]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9 ._/-]*")
_DATES = {"YYYY": 4, "YY": 2, "MM": 2}


class NumberTooLong(Conflict):
    """The counter has grown so far that the number would pass 20 characters. Give the series a shorter pattern."""

    code = "number-too-long"
    title = "The number would be too long"


class Reset(Enum):
    """When a counter starts anew."""

    NEVER = "never"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A valid pattern, cut into literal texts and tokens; a token is `YYYY`, `YY`, `MM` or a run of `#`."""

    text: str
    pieces: tuple[tuple[str, bool], ...]
    """Each piece with whether it is a token."""


def parse(text: str, reset: Reset = Reset.NEVER) -> Pattern:
    """The pattern of a series. Raises `Invalid` with every fault, at `/pattern`.

    Codes: `pattern-character`, `pattern-token-unknown`, `pattern-counter`, `pattern-needs-year`, `pattern-too-long`.
    """
    pieces = tuple((piece, index % 2 == 1) for index, piece in enumerate(_TOKEN.split(text)) if piece or index % 2)
    tokens = [piece for piece, is_token in pieces if is_token]
    faults: list[Fault] = []
    at = "/pattern"
    if any(not _LITERAL.fullmatch(piece) for piece, is_token in pieces if not is_token) or text != text.strip():
        faults.append(
            Fault("pattern-character", "Only letters, digits, inner spaces and . _ / - may stand around tokens.", at)
        )
    if any(token not in _DATES and not _is_counter(token) for token in tokens):
        faults.append(
            Fault("pattern-token-unknown", "The tokens are {YYYY}, {YY}, {MM} and a counter such as {####}.", at)
        )
    if sum(map(_is_counter, tokens)) != 1:
        faults.append(Fault("pattern-counter", "A pattern has exactly one counter, such as {####}.", at))
    if reset is Reset.YEARLY and "YYYY" not in tokens:
        faults.append(
            Fault("pattern-needs-year", "A counter that starts anew each year needs {YYYY} in its pattern.", at)
        )
    if sum(len(piece) if not is_token else _DATES.get(piece, len(piece)) for piece, is_token in pieces) > NUMBER_LENGTH:
        faults.append(Fault("pattern-too-long", f"A number has at most {NUMBER_LENGTH} characters.", at))
    if faults:
        raise Invalid(faults=faults)
    return Pattern(text=text, pieces=pieces)


def render(pattern: Pattern, value: int, on: date) -> str:
    """The number for a value of the counter (1 or more) on the date of issue. Raises `NumberTooLong`."""
    dates = _dates(on)
    number = "".join(
        (dates[piece] if piece in dates else f"{value:0{len(piece)}d}") if is_token else piece
        for piece, is_token in pattern.pieces
    )
    if len(number) > NUMBER_LENGTH:
        raise NumberTooLong
    return number


def period(reset: Reset, on: date) -> str:
    """The period whose counter numbers a document issued on this date: the year, or nothing if it never resets."""
    return f"{on.year:04d}" if reset is Reset.YEARLY else ""


def value_of(pattern: Pattern, number: str, on: date) -> int | None:
    """The value for which the pattern makes this number on that date, the reverse of `render`; None where no value
    does. Capitals do not count, as they do not where numbers must differ."""
    found = _form(pattern, on).fullmatch(number.casefold())
    value = int(found[1]) if found else 0
    if not 1 <= value <= LARGEST_VALUE or len(number) > NUMBER_LENGTH:
        return None
    # Zeros beyond the width would be read, and never written.
    return value if render(pattern, value, on).casefold() == number.casefold() else None


def collides(one: Pattern, other: Pattern) -> bool:
    """Whether both patterns write the same but for the width of their counters, so that numbers come twice."""
    return _outline(one) == _outline(other)


def _form(pattern: Pattern, on: date) -> re.Pattern[str]:
    dates = _dates(on)
    pieces = (
        "([0-9]+)" if is_token and _is_counter(piece) else re.escape(dates[piece] if is_token else piece.casefold())
        for piece, is_token in pattern.pieces
    )
    return re.compile("".join(pieces))


def _outline(pattern: Pattern) -> list[str]:
    return [
        "#" if is_token and _is_counter(piece) else f"{{{piece}}}" if is_token else piece.casefold()
        for piece, is_token in pattern.pieces
    ]


def _dates(on: date) -> dict[str, str]:
    return {"YYYY": f"{on.year:04d}", "YY": f"{on.year % 100:02d}", "MM": f"{on.month:02d}"}


def _is_counter(token: str) -> bool:
    return token != "" and set(token) == {"#"}
