"""What each strict field takes and what it refuses, with which code and at which pointer, through the API.

marshmallow's own fields would take most of what stands here as refused, and the database would answer some of it.
"""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests import sharing
from tests.factories import Tenant, line
from tests.web.refusals import codes, refused

CUSTOMERS = "/v1/customers?dry_run=true"
NOT_TEXT: list[Any] = [0, 1.5, True, [], {}, ["x"]]
CONTROLS = ["a\nb", "a\tb", "\x1b[2Ja", "a\x01", "a\x7fb", "a\x85b", "a\u2028"]
NUL, HIGH, LOW = "a\0b", "\ud800", "a\udfffb"

tenant = sharing.tenant


def customer(tenant: Tenant, **members: Any) -> TestResponse:
    """A customer who is judged and not kept."""
    return tenant.post_text(CUSTOMERS, json.dumps({"name": "x", **members}))


def at(pointer: str, value: Any) -> dict[str, Any]:
    """The members that hold this value at this pointer: `/billing_address/country`, `/tax_ids/0/type`."""
    for step in reversed(pointer.split("/")[1:]):
        value = [value] if step == "0" else {step: value}
    members: dict[str, Any] = value
    return members


REFUSED: list[tuple[str, str, list[Any]]] = [
    ("/name", "not-a-string", NOT_TEXT),
    ("/name", "not-null", [None]),
    ("/name", "wrong-length", ["", "a" * 256]),
    ("/name", "blank", [" ", "\t\n", "\u00a0\u2003"]),
    ("/name", "not-storable", [NUL, HIGH, LOW]),
    ("/name", "control-character", CONTROLS),
    ("/billing_address/line1", "control-character", CONTROLS),
    ("/exemption/reason", "control-character", [text for text in CONTROLS if text not in {"a\nb", "a\tb", "a\u2028"}]),
    ("/phone", "not-a-string", NOT_TEXT),
    ("/locale", "wrong-format", ["DE", "de_DE", "de-", "de-DE\n", "d\u00e9"]),
    ("/email", "not-a-string", NOT_TEXT),
    ("/email", "not-storable", ["a\0@example.com", "\ud800@example.com"]),
    ("/email", "wrong-length", ["a@", "a" * 250 + "@b.de"]),
    ("/email", "not-an-email", ["ada", "ada@", "@example.com", "a b@example.com", "a@b@c.de", "a@example..com"]),
    (
        "/email",
        "not-an-email",
        ["a@example.com\n", "Ada <ada@example.com>", "a@example.com,b@example.com", "a@[1.2.3.4]"],
    ),
    ("/billing_emails/0", "not-an-email", ["ada"]),
    ("/type", "not-a-choice", ["Business", "business ", "", "x", 1, True, [], {}]),
    ("/currency", "not-a-choice", ["eur", "EURO", "XXX", "E\u0055R\u200b", "", 978, []]),
    ("/billing_address/country", "not-a-choice", ["de", "DEU", "EU", "XX", "", 1]),
    ("/net_terms_days", "not-an-integer", ["5", "", "1_0", 1.9, 1e-3, True, False, [], {}]),
    ("/net_terms_days", "out-of-range", [-1, 3651, 2**31, 2**63, -(2**63) - 1, 10**60, 1e30]),
    ("/archived", "not-a-boolean", ["true", "yes", "on", 1, 0, "", [], {}]),
    (
        "/exemption/valid_until",
        "not-a-date",
        ["20260101", "2026-1-1", "2026-W01-1", "2026-001", "2026-02-30", "2026-13-01"],
    ),
    (
        "/exemption/valid_until",
        "not-a-date",
        ["2026-01-01T00:00:00", "2026-01-01 ", "26-01-01", "", 20260101, True, []],
    ),
    ("/exemption/valid_until", "not-a-date", ["\u0662\u0660\u0662\u0666-01-01", "2026\u201301\u201301", "+2026-01-01"]),
    ("/exemption/valid_until", "out-of-range", ["0001-01-01", "1899-12-31", "3000-01-01", "9999-12-31"]),
    ("/billing_address", "not-an-object", ["x", 1, True, []]),
    ("/metadata", "not-an-object", ["x", 1, True, []]),
    ("/metadata", "too-many-members", [{f"k{n}": "x" for n in range(51)}]),
    ("/metadata/a", "not-a-string", NOT_TEXT),
    ("/metadata/a", "not-null", [None]),
    ("/metadata/a", "not-storable", [NUL, HIGH]),
    ("/metadata/a", "wrong-length", ["a" * 501]),
]


@pytest.mark.parametrize(
    ("pointer", "code", "values"), REFUSED, ids=[f"{pointer} {code}" for pointer, code, _ in REFUSED]
)
def test_what_does_not_belong_in_a_member_is_refused_by_code_and_pointer(
    tenant: Tenant, pointer: str, code: str, values: list[Any]
) -> None:
    for value in values:
        answer = customer(tenant, **at(pointer, value))
        problem = refused(answer, 422)
        assert (pointer, code) in codes(answer), (value, answer.text)
        assert problem["code"] == (code if len(codes(answer)) == 1 else "validation-failed")


@pytest.mark.parametrize(
    ("pointer", "values"),
    [
        ("/name", ["a" * 255, " x ", "\u202e\u2066", "\U0001f600" * 255, "e\u0301", "\ufffe\uffff", "<b>'\"\\"]),
        ("/name", ["%s %(x)s {0}", "null", "\ufeffx"]),
        ("/exemption/reason", ["a\r\nb\tc", "a\u2028b"]),
        ("/locale", ["de", "de-DE", "zh-Hant-TW"]),
        ("/email", ["ada@example.com", "Ada.Lovelace+x@Example.COM", "z\u00f6e@b\u00fccher.example", "a@b.test"]),
        ("/type", ["business", "individual"]),
        ("/currency", ["EUR", "JPY", "KWD"]),
        ("/billing_address/country", ["DE", "GB"]),
        ("/net_terms_days", [0, 3650]),
        ("/archived", [True, False]),
        ("/exemption/valid_until", ["1900-01-01", "2028-02-29", "2999-12-31"]),
        (
            "/metadata",
            [{}, {"a": ""}, {"\u00e9 /~": "x" * 500}, {"k" * 40: "\U0001f600"}, {f"k{n}": "x" for n in range(50)}],
        ),
        ("/billing_emails", [[], ["a@example.com"] * 20]),
    ],
)
def test_what_belongs_in_a_member_comes_back_as_it_was_sent(tenant: Tenant, pointer: str, values: list[Any]) -> None:
    for value in values:
        answer = customer(tenant, **at(pointer, value))
        assert answer.status_code == 201, (value, answer.text)
        shown = answer.json
        for step in pointer.split("/")[1:]:
            shown = shown[step]
        assert shown == value
        assert type(shown) is type(value)


def test_a_whole_number_may_be_written_with_a_fraction_of_zero_or_an_exponent(tenant: Tenant) -> None:
    for text in ("30.0", "3e1", "30.000", "300e-1"):
        body = f'{{"name": "x", "net_terms_days": {text}}}'
        answer = tenant.post_text(CUSTOMERS, body)
        assert answer.status_code == 201, (text, answer.text)
        assert answer.json["net_terms_days"] == 30


def test_a_list_that_is_too_long_is_refused_before_its_items_are_looked_at(tenant: Tenant) -> None:
    """Item by item, a mebibyte of them would keep a thread busy for a minute."""
    for member, item in (("lines", "{}"), ("charges", "0"), ("lines", '""')):
        answer = tenant.post_text("/v1/invoices/preview", f'{{"{member}": [{",".join([item] * 250_000)}]}}')
        refused(answer, 422)
        assert codes(answer) == {(f"/{member}", "wrong-number-of-items")}


def test_names_of_metadata_are_judged_like_texts(tenant: Tenant) -> None:
    for name, code in (("", "wrong-length"), ("k" * 41, "wrong-length"), (" ", "blank"), (NUL, "not-storable")):
        answer = customer(tenant, metadata={name: "x"})
        refused(answer, 422)
        assert codes(answer) == {(f"/metadata/{name}", code)}


def test_null_for_what_need_not_be_there_means_that_it_is_not_there(tenant: Tenant) -> None:
    body = dict.fromkeys(("email", "type", "net_terms_days", "billing_address", "metadata", "archived", "tax_ids"))
    answer = customer(tenant, **body)
    assert answer.status_code == 201, answer.text
    assert answer.json["type"] == "business"
    assert (answer.json["archived"], answer.json["metadata"], answer.json["tax_ids"]) == (False, {}, [])


def test_a_null_in_a_list_is_refused(tenant: Tenant) -> None:
    answer = customer(tenant, billing_emails=["a@example.com", None], tax_ids=[None])
    refused(answer, 422)
    assert codes(answer) == {("/billing_emails/1", "not-null"), ("/tax_ids/0", "not-null")}


@pytest.mark.parametrize("value", ["x", 1, True, {}, {"0": "a@example.com"}])
def test_what_is_no_list_is_refused_where_one_belongs(tenant: Tenant, value: Any) -> None:
    answer = customer(tenant, billing_emails=value, tax_ids=value)
    refused(answer, 422)
    assert codes(answer) == {("/billing_emails", "not-a-list"), ("/tax_ids", "not-a-list")}


def test_a_list_has_a_greatest_length(tenant: Tenant) -> None:
    answer = customer(tenant, billing_emails=["a@example.com"] * 21)
    refused(answer, 422)
    assert codes(answer) == {("/billing_emails", "wrong-number-of-items")}


@pytest.mark.parametrize(
    "id",
    [
        "x",
        "",
        1,
        [],
        "urn:uuid:00000000-0000-7000-8000-000000000000",
        "0" * 32,
        "{00000000-0000-7000-8000-000000000000}",
        "00000000-0000-7000-8000-00000000000\u0660",
        "00000000-0000-7000-8000-000000000000\n",
    ],
)
def test_an_id_has_one_form(tenant: Tenant, id: Any) -> None:
    answer = tenant.post("/v1/invoices/preview", {"customer_id": id, "lines": [line()]})
    refused(answer, 422)
    assert codes(answer) == {("/customer_id", "not-an-id")}


@pytest.mark.parametrize(
    ("name", "good", "bad", "code"),
    [
        ("limit", ["1", "100"], ["", "1.0", "1e1", "1_0", " 1", "%2B1", "%D9%A1", "0x1", "9" * 400], "not-an-integer"),
        ("limit", [], ["0", "-1", "101", "9" * 19], "out-of-range"),
        ("include_total", ["true", "false"], ["True", "1", "yes", "", "true%20"], "not-a-boolean"),
        ("archived", ["true", "false", "any"], ["True", "", "all"], "not-a-choice"),
        ("sort", ["name", "-created_at"], ["", "id", "--name", "Name", "name,created_at"], "not-a-choice"),
        (
            "updated_since",
            [
                "2026-01-01T00:00:00Z",
                "2026-01-01t00:00:00.123456z",
                "2026-01-01T00:00:00%2B05:30",
                "2026-01-01T00:00:00-00:00",
            ],
            [
                "2026-01-01",
                "2026-01-01T00:00:00",
                "2026-01-01 00:00:00Z",
                "2026-01-01T24:00:01Z",
                "2026-01-01T00:00:60Z",
                "now",
                "2026-01-01T00:00:00.1234567Z",
                "2026-01-01T00:00Z",
                "2026-01-01T00:00:00+05:30",
                "20260101T000000Z",
                "%D9%A2026-01-01T00:00:00Z",
                "2026-02-30T00:00:00Z",
                "2026-01-01T00:00:00%2B24:00",
            ],
            "not-an-instant",
        ),
        (
            "updated_since",
            ["1900-01-01T00:00:00%2B14:00", "2999-12-31T23:59:59-14:00"],
            ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00%2B14:00", "1899-12-31T23:59:59Z"],
            "out-of-range",
        ),
        ("email", ["a%40b.de", "x"], ["", "%20"], None),
    ],
)
def test_a_parameter_is_as_strict_as_a_member(
    tenant: Tenant, name: str, good: list[str], bad: list[str], code: str | None
) -> None:
    for value in good:
        answer = tenant.get(f"/v1/customers?{name}={value}")
        assert answer.status_code == 200, (value, answer.text)
    for value in bad:
        answer = tenant.get(f"/v1/customers?{name}={value}")
        refused(answer, 400, code)
        assert {place for place, _ in codes(answer)} == {name}
        assert code is None or codes(answer) == {(name, code)}, (value, answer.text)


def test_a_time_zone_is_one_of_the_database_of_zones(tenant: Tenant) -> None:
    for zone in ("Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"):
        assert tenant.patch("/v1/organization?dry_run=true", {"time_zone": zone}).status_code == 200
    for zone in ("europe/berlin", "Berlin", "../../etc/passwd", "/etc/localtime", "localtime", "posix/UTC/..", "", 1):
        answer = tenant.patch("/v1/organization?dry_run=true", {"time_zone": zone})
        refused(answer, 422)
        assert codes(answer) == {("/time_zone", "not-a-choice")}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("\U0010ffff\ue000\u2028")
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=64))
def test_a_text_that_is_taken_is_read_again_unchanged_to_the_last_character(tenant: Tenant, text: str) -> None:
    """From every member that keeps texts of any kind, through the database, and through a merge patch of another."""
    line = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", "", text)
    spoken = line if line.strip() else line + "x"
    made = tenant.post(
        "/v1/customers", {"name": spoken, "legal_name": spoken, "metadata": {spoken[:40].strip() or "x": text}}
    )
    assert made.status_code == 201, made.text
    path = made.json["links"]["self"]
    assert tenant.patch(path, {"phone": "1"}).status_code == 200
    read = tenant.get(path).json
    assert (read["name"], read["legal_name"]) == (spoken, spoken)
    assert list(read["metadata"].values()) == [text]
