"""Bodies for the schemas of the service: such as are right as far as their members go, and such with a flaw or two."""

import copy
import datetime as dt
from collections.abc import Iterator
from typing import Any

import marshmallow as ma
from hypothesis import strategies as st
from marshmallow import fields

from billing_api.web.bodies import Metadata, Several
from billing_api.web.bulk import Items
from billing_api.web.decimals import Exact
from billing_api.web.fields import Choice, Date, Email, Flag, Id, Instant, Integer, Kept, Key, Text
from billing_api.web.json import Number
from billing_api.web.loading import key_of

ADDRESSES = [
    "ada@example.com", "Ada.Lovelace+x@Example.COM", "a@b.test", "a-b_c@x-y.example.org",
    "z\u00f6e@b\u00fccher.example", f"{'a' * 56}@b.test", f"a@{'b' * 60}.com", "1@2.3.co",
]  # fmt: skip
NO_ADDRESSES = [
    "ada", "a@b", "a..b@example.com", ".a@example.com", "a@example..com", "a@-b.com", "a@b-.com", "a@ab--c.com",
    "a@xn--a.com", "a@b.local", "a@b.LocalHost", "a@onion.c0", "a@b.c1", "a b@c.de", "a@example.com\n", "a@[1.2.3.4]",
    f"a@{'b' * 64}.com", f"{'a' * 250}@b.de", "a@b.c", "\u0430@b.de", "a@b.invalid", "a@b.arpa", "a@b.c\u00f6",
]  # fmt: skip
ODD_TEXTS = [
    "", " ", " a", "a ", "\u00a0", "\u3000a", "a\0b", "\ud800", "a\nb", "a\tb", "a\u2028b", "a\x85", "\u202e",
    "\ufeffx", "\u0378", "\ue000", "e\u0301", "\U0001f600", "%s {0}", "null", "true", "DE", "de", "de-DE", "EUR", "S",
    "C62", "eu_vat",
]  # fmt: skip
ODD_NUMBERS = [
    "0", "-0", "-0.00", "0.00", "00", "007", "1.", ".5", "1.50", "1.500000000000", "1e5", "+1", "1,5", " 1", "1 ",
    "1_0", "-1.5", "100", "100.0001", "1000", "1000.00001", "\u0661\u0662", "\uff11", "12\n", "NaN", "Infinity",
    "9" * 41, "1." + "0" * 40,
]  # fmt: skip
ODD_DATES = [
    "2024-02-29", "2026-02-29", "2026-02-30", "2026-04-31", "2026-12-31", "20260101", "2026-W01-1", "1899-12-31",
    "1900-01-01", "2999-12-31", "3000-01-01", "2026-1-1", "2026-13-01", "2026-00-10", "2026-01-00", "2026-01-01\n",
    "\u0662\u0660\u0662\u0666-01-01", "2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-21t09:30:00.5+05:30",
]  # fmt: skip
_ID = "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"
ODD_IDS = [_ID.upper(), _ID.replace("-", ""), f"{{{_ID}}}", f"urn:uuid:{_ID}", f"{_ID}\n", f"{_ID[:-1]}g"]
ODD_OTHERS: list[Any] = [
    None, True, False, 0, 1, -1, 30, 3651, 2**31, 2**63, 10**15, 10**15 - 1, 10**60, [], {}, [None], [[]], [{}],
    {"a": None}, {"a": "b"}, {"": "b"}, {"a\nb": "c"}, {"a" * 41: "b"}, {"a": "b" * 501}, {"a": 1}, {"a": ""},
    {"a": " "}, {" ": "a"}, {f"k{n}": "x" for n in range(50)}, {f"k{n}": "x" for n in range(51)},
    ["x"] * 21, ["a@b.test"] * 20, [{}] * 101,
    ("a", "b"), Kept("a\tb"), Kept(" a\x85"), Kept("a"), Kept("EUR"), Kept("1.50"),
    *map(Number, ("1.0", "1.5", "-0.0", "3e2", "1e30", "1e-30", "1E+400", "0.00000001", "30.000")),
]  # fmt: skip
ODDITIES = [*ODD_OTHERS, *ODD_TEXTS, *ODD_NUMBERS, *ODD_DATES, *ODD_IDS, *ADDRESSES, *NO_ADDRESSES]
"""What a member may be sent, whatever it is; most of it is wrong nearly everywhere."""
# Copied, because a flaw is planted in what is drawn.
ODD = st.sampled_from(ODDITIES).map(copy.deepcopy)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=12)


def right(field: fields.Field[Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """What a field takes."""
    if isinstance(field, fields.Nested):
        return bodies(field.schema, depth + 1)
    if isinstance(field, fields.List):
        fewest = (field.length.min or 0) if isinstance(field, Several) else 0
        each = ODD if isinstance(field, Items) else right(field.inner, depth)
        return st.lists(each, min_size=fewest, max_size=fewest + 2)
    return next(make(field) for kind, make in _RIGHT.items() if isinstance(field, kind))


def _text(field: Any) -> st.SearchStrategy[str]:
    if field.pattern:
        texts = st.from_regex(field.pattern, fullmatch=True)
    elif field.minimum > 3:
        texts = st.text("abc", min_size=field.minimum, max_size=field.minimum + 5)
    else:
        texts = WORDS | st.just("x" * field.maximum)
    return texts.filter(lambda text: field.minimum <= len(text) <= field.maximum and bool(text.strip()))


def _number(field: Any) -> st.SearchStrategy[Any]:
    most = 10**field.whole - 1 if field.maximum is None else int(field.maximum)
    least = -most if field.minimum is None else int(field.minimum)
    whole = st.integers(least, most) | st.integers(max(0, least), min(20, most))
    parts = st.text("0123456789", min_size=1, max_size=field.places)
    texts = st.builds(lambda first, rest: f"{first}.{rest}", st.integers(max(0, least), most - 1), parts)
    return whole | whole.map(str) | texts | texts.map(lambda text: text + "0" * (38 - len(text))) | texts.map(Number)


_RIGHT: dict[type, Any] = {
    Email: lambda _: st.sampled_from(ADDRESSES),
    Key: lambda field: _text(field) | st.just(" a "),
    Text: _text,
    Choice: lambda field: st.sampled_from(sorted(field.choices)),
    Flag: lambda _: st.booleans(),
    Integer: lambda field: st.integers(field.minimum, field.maximum) | st.just(field.maximum),
    Id: lambda _: st.uuids().map(str),
    Date: lambda _: st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)).map(str),
    Instant: lambda _: st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2999, 1, 1)).map(
        lambda at: f"{at.isoformat()}Z"
    ),
    Exact: _number,
    Metadata: lambda _: st.dictionaries(WORDS, WORDS | st.just(""), max_size=2),
    fields.Integer: lambda _: st.integers(),
    fields.Boolean: lambda _: st.booleans(),
    fields.Field: lambda _: ODD,
}
"""By kind of field, those that are derived before those that they are derived from."""


@st.composite
def bodies(draw: st.DrawFn, schema: ma.Schema, depth: int = 0) -> dict[str, Any]:
    """An object with all that it needs and a few other members, each of which is right by itself."""
    known = {key_of(name, field): field for name, field in schema.load_fields.items()}
    needed = [key for key, field in known.items() if field.required]
    others = [key for key in known if key not in needed]
    some = draw(st.lists(st.sampled_from(others), max_size=3 if depth < 2 else 1, unique=True)) if others else []
    return {key: draw(right(known[key], depth)) for key in draw(st.permutations([*needed, *some]))}


@st.composite
def spoilt(draw: st.DrawFn, schema: ma.Schema) -> Any:
    """An object of which a member or two, on whatever level, were replaced, added or taken away."""
    body = draw(bodies(schema))
    for _ in range(draw(st.integers(1, 2))):
        one, form = draw(st.sampled_from([*_objects(body, schema)]))
        known = {key_of(name, field): field for name, field in form.load_fields.items()}
        key = draw(st.sampled_from([*known, *known, "unknown", "_schema", ""]))
        one[key] = draw(ODD | right(known[key], 2) if key in known else ODD)
        if draw(st.integers(0, 7)) == 0:
            del one[draw(st.sampled_from([*one]))]
    return body


def _objects(value: Any, schema: ma.Schema) -> Iterator[tuple[dict[str, Any], ma.Schema]]:
    """All objects in a body whose members are known, with their schemas."""
    yield value, schema
    for name, field in schema.load_fields.items():
        inner = getattr(field, "inner", field)
        held = value.get(key_of(name, field))
        if isinstance(inner, fields.Nested):
            for one in held if isinstance(held, list) else [held]:
                if isinstance(one, dict):
                    yield from _objects(one, inner.schema)
