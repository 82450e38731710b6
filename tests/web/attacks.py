"""Hostile bodies, values, headers, queries and paths: what attackers, fuzzers and broken programs send."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Attack:
    """One hostile request, as far as it differs from an honest one."""

    name: str
    body: bytes | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    segment: str | None = None
    """What stands in the path where an id belongs."""


BODIES = {
    "nothing": b"",
    "null": b"null",
    "an array": b"[]",
    "an empty object": b"{}",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "a member twice": b'{"name": "x", "name": "y"}',
    "NaN": b'{"total": NaN}',
    "depth": b"[" * 5000,
    "depth of objects": b'{"lines":' * 5000,
    "a huge exponent": b'{"net_terms_days": 1e999999999, "limit": -1e999999999}',
    "a surrogate as a name": b'{"\\ud800": "x"}',
    "a name of nothing": b'{"": "x", "/": 1, "~": 2, "_schema": 3, "__class__": 4, "constructor": {}, "__proto__": {}}',
    "a name of NUL": b'{"\\u0000": "x", "name": "x"}',
}

VALUES: dict[str, Any] = {
    "NUL": "a\0b",
    "a surrogate": "\ud800",
    "a page": "<script>alert(1)</script>",
    "a statement": "'; DROP TABLE users; --",
    "a format": "%s %(x)s {0} ${x} {{7*7}}",
    "percent": "%",
    "a backslash": "\\",
    "line ends": "a\r\nX-Evil: 1",
    "right to left": "\u202e\u2066",
    "ten thousand letters": "a" * 10_000,
    "null": None,
    "true": True,
    "an array": [[[]]],
    "an object": {"a": {"b": None}},
    "2^31": 2**31,
    "2^63": 2**63,
    "-2^63-1": -(2**63) - 1,
    "10^60": 10**60,
    "a fraction": 1.9,
    "a small fraction": 1e-300,
    "1_0": "1_0",
    "1e3": "1e3",
    "Arabic digits": "\u0661\u0662",
    "full-width digits": "\uff11",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "no day": "2026-02-30",
    "an instant that leaves the calendar": "9999-12-31T23:59:59-23:59",
    "one on the other side": "0001-01-01T00:00:00+14:00",
    "no id": "urn:uuid:00000000-0000-0000-0000-000000000000",
    "the id of nobody": "00000000-0000-0000-0000-000000000000",
}

HEADERS = {
    "Authorization": [
        "",
        "Bearer",
        "Bearer ",
        "Bearer a.b.c",
        "Basic YTpi",
        "bearer \xff",
        "Bearer " + "a" * 7000,
        "Bearer x, Bearer y",
    ],
    "X-API-Key": ["bk_x", "\xff"],
    "Idempotency-Key": ["", " ", "a b", "a" * 256, "\xe9", "\x01"],
    "If-Match": [
        "",
        "x",
        '"',
        '"x"',
        '"-1"',
        '"99999999999999999999"',
        '"1',
        'W/"1"',
        '"1","2"',
        "\xff",
        '"\u00b2"'.encode().decode("latin-1"),
    ],
    "If-None-Match": ["", "x", '"', "\xff", '"' * 1000],
    "If-Modified-Since": ["x", "Thu, 01 Jan 1970 00:00:00 GMT"],
    "Range": ["bytes=0-0", "x", "bytes=-1"],
    "Accept": ["text/html", "x", "*/*;q=0", "application/json;q=x", ";", ",", "\xff", "a/b;q=1e999999"],
    "Accept-Language": ["\xff", "*"],
    "Accept-Encoding": ["x", "gzip;q=x"],
    "Content-Type": [
        "",
        "x",
        "\xff",
        "application/json;charset",
        "application/json; charset=\xff",
        "multipart/form-data",
    ],
    "Content-Encoding": ["gzip", "\xff", ","],
    "Cookie": ["a", "access_token=x; \xff", "=" * 3000, '"'],
    "Origin": ["null", "https://evil.example", "\xff", "https://app.example.com.evil.example"],
    "Host": ["", "evil.example", "[", "a" * 300, "\xff", "a b", "evil.example:99999999", "..", "xn--\xff"],
    "X-Request-Id": ["", "a b", "a" * 129, "\xff", "<script>"],
    "traceparent": ["", "x", "00-" + "0" * 32 + "-" + "0" * 16 + "-00", "\xff"],
    "X-Forwarded-For": ["127.0.0.1", "x", "\xff"],
    "X-Forwarded-Host": ["evil.example"],
    "X-Forwarded-Proto": ["javascript"],
    "Forwarded": ["for=127.0.0.1;host=evil.example"],
    "X-HTTP-Method-Override": ["DELETE"],
    "X-Original-URL": ["/v1/me"],
    "Expect": ["x"],
    "Date": ["x"],
}

_QUERIES_IN_WORDS = """
%00 a=%00 %ff=1 a=%ff a=%ed%a0%80 a=% a=%zz &&& = =1 a a[]=1 a=1&a=2 limit=0 limit=-1 limit=101 limit=1e2
limit=1_0 limit=%D9%A1 limit=1&limit=2 limit= cursor= cursor=x cursor=.. cursor=W10.x cursor=%F0%9F%98%80
sort= sort=id sort=--name sort=password_hash sort=name;-- status=x status=open, status=draft%2Copen
currency=eur currency=XXX customer_id=x number=%27 issue_date_from=0000-00-00 issue_date_from=9999-12-31
due_date_to=2026-02-30 total_min=1 total_min=1e3&currency=EUR total_min=999999999999999.9999&currency=EUR
total_max=-999999999999999&currency=KWD total_min=999999999999999&currency=UYW overdue=yes overdue=True
updated_since=x updated_since=9999-12-31T23:59:59-23:59 updated_since=0001-01-01T00:00:00%2B14:00
updated_since=2026-01-01T00:00:00+00:00 updated_since=1900-01-01T00:00:00%2B14:00
updated_since=2999-12-31T23:59:59-14:00 include=x include_total=1 archived=x after=-1 after=999999999999999999
after=9223372036854775808 email=%00 external_id=%EF%BF%BF q=%27%22 metadata.%00=x metadata.a=x dry_run=
dry_run=1 dry_run=TRUE dry_run=true&dry_run=false
"""
QUERIES = [
    *_QUERIES_IN_WORDS.split(),
    "limit=" + "9" * 400,
    "cursor=" + "a" * 3000,
    "a=" + "b" * 6000,
    "&".join(f"a{n}=1" for n in range(500)),
]

_SEGMENTS_IN_WORDS = """
x 0 -1 %00 %ff %ed%a0%80 %2e%2e %2f %5c ..%2f..%2fetc%2fpasswd ' %22 %0d%0aX-Evil:1 * null
00000000-0000-0000-0000-000000000000 FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF
urn:uuid:00000000-0000-0000-0000-000000000000 {00000000-0000-0000-0000-000000000000}
00000000000000000000000000000000 %F0%9F%98%80 %25s {} <script> . ;x=1
"""
SEGMENTS = [*_SEGMENTS_IN_WORDS.split(), "a" * 3000]


def attacks() -> Iterator[Attack]:
    """All of them, apart from the values of members, which each operation gets in members of its own."""
    for name, body in BODIES.items():
        yield Attack(f"body: {name}", body)
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ):
        yield Attack(f"type: {kind}", b"{}", kind)
    for name, values in HEADERS.items():
        for value in values:
            yield Attack(f"{name}: {value[:20]!a}", b"{}", headers={name: value})
    for query in QUERIES:
        yield Attack(f"?{query[:30]}", query=query)
    for segment in SEGMENTS:
        yield Attack(f"/{segment[:30]}", segment=segment)
