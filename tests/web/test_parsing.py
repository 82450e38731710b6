"""How a body is read: media type, size, UTF-8, JSON, object, schema; the first of these that fails is the answer."""

import gzip
import json

import pytest
from werkzeug.test import TestResponse

from billing_api import MAX_BODY
from billing_api.web.json import MAX_DEPTH, read, write
from tests import sharing
from tests.factories import Tenant
from tests.web.refusals import codes, refused

JSON = "application/json"
CUSTOMERS = "/v1/customers"

tenant = sharing.tenant


def send(tenant: Tenant, body: bytes, content_type: str | None = JSON, **headers: str) -> TestResponse:
    """A POST of these very bytes."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return tenant.client.post(CUSTOMERS, data=body, content_type=content_type, headers={**tenant.headers, **given})


def nested(depth: int, open_: str = "[", close: str = "]") -> bytes:
    """A customer whose metadata is nested so that the whole body is `depth` deep."""
    return f'{{"name": "x", "metadata": {open_ * (depth - 1)}{close * (depth - 1)}}}'.encode()


MALFORMED = {
    "nothing but a space": b" ",
    "cut": b'{"name": "x"',
    "a comma at the end": b'{"name": "x",}',
    "two texts": b'{"name": "x"} {}',
    "a comment": b'{"name": "x"} // ok',
    "single quotes": b"{'name': 'x'}",
    "a bare word": b"name",
    "a control character in a text": b'{"name": "a\nb"}',
    "a wrong escape": b'{"name": "\\x41"}',
    "a member twice": b'{"name": "x", "name": "y"}',
    "a member twice, once escaped": b'{"name": "x", "n\\u0061me": "y"}',
    "a member twice, deep down": b'{"name": "x", "metadata": {"a": "1", "a": "1"}}',
    "a surrogate twice": b'{"\\ud800": 1, "\\ud800": 2}',
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": "x", "net_terms_days": Infinity}',
    "-Infinity": b'{"name": "x", "net_terms_days": -Infinity}',
    "a leading zero": b'{"name": "x", "net_terms_days": 030}',
    "a plus": b'{"name": "x", "net_terms_days": +30}',
    "a point at the end": b'{"name": "x", "net_terms_days": 30.}',
    "hexadecimal": b'{"name": "x", "net_terms_days": 0x1e}',
    "an integer of 65 digits": b'{"name": "x", "net_terms_days": ' + b"9" * 65 + b"}",
    "a fraction of 65 characters": b'{"name": "x", "net_terms_days": 0.' + b"1" * 63 + b"}",
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"name": "x"}'.encode("utf-16-le"),
    "UTF-32": '{"name": "x"}'.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"name": "x"}',
    "Latin-1": b'{"name": "Zo\xeb"}',
    "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "an overlong form": b'{"name": "\xc0\xaf"}',
    "a byte that no UTF-8 has": b'{"name": "\xff"}',
    "an array at the top": b'[{"name": "x"}]',
    "a text at the top": b'"name"',
    "a number at the top": b"1",
    "true at the top": b"true",
    "null at the top": b"null",
    "65 arrays": nested(MAX_DEPTH + 1),
    "65 objects": nested(MAX_DEPTH + 1, '{"a":', "}"),
    "a hundred thousand brackets": b"[" * 100_000,
    "a hundred thousand open objects": b'{"a":' * 100_000,
    "brackets, and then quotes without end": b"[" * 65 + b'\\"' * 200_000,
    "an open text of brackets and quotes": b'"' + b'[\\"' * 200_000,
}


NO_OBJECTS = {MALFORMED[f"{name} at the top"] for name in ("an array", "a text", "a number", "true", "null")}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_one_json_object_in_utf_8_is_400(tenant: Tenant, body: bytes) -> None:
    code = refused(send(tenant, body), 400)["code"]
    assert code == ("not-an-object" if body in NO_OBJECTS else "malformed-request")


def test_depth_64_is_read_and_judged_and_depth_65_is_not_read(tenant: Tenant) -> None:
    refused(send(tenant, nested(MAX_DEPTH)), 422)
    refused(send(tenant, nested(MAX_DEPTH + 1)), 400, "malformed-request")


def test_brackets_in_a_text_are_no_depth(tenant: Tenant) -> None:
    name = '[{\\"' * 50
    made = send(tenant, f'{{"name": "{name}"}}'.encode())
    assert made.status_code == 201, made.text
    assert made.json["name"] == '[{"' * 50


def test_numbers_of_64_characters_are_read_and_judged(tenant: Tenant) -> None:
    refused(send(tenant, b'{"name": "x", "net_terms_days": ' + b"9" * 64 + b"}"), 422)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("1e400", "out-of-range"),
        ("-1E+999999999", "out-of-range"),
        ("1e9999999999999999999999", "out-of-range"),
        ("1e-999999999", "not-an-integer"),
        ("0.1e-9999999999999999999999", "not-an-integer"),
    ],
)
def test_a_number_that_would_fill_the_memory_is_only_too_large_or_too_small(
    tenant: Tenant, number: str, code: str
) -> None:
    answer = send(tenant, f'{{"name": "x", "net_terms_days": {number}}}'.encode())
    refused(answer, 422)
    assert codes(answer) == {("/net_terms_days", code)}


def test_a_body_with_a_hundred_thousand_members_is_answered_in_a_bearable_size(tenant: Tenant) -> None:
    members = ",".join(f'"a{n}":1' for n in range(90_000))
    problem = refused(send(tenant, f"{{{members}}}".encode()), 422)
    assert len(problem["errors"]) == 1000
    assert problem["detail"] == "90001 faults in the body."
    refused(send(tenant, f'{{{members},"a0":1}}'.encode()), 400)


def test_all_faults_are_told_at_once_each_with_its_pointer(tenant: Tenant) -> None:
    body = {
        "name": "",
        "net_terms_days": 1.5,
        "billing_address": {"country": "XX", "planet": "Earth"},
        "tax_ids": [{"type": "gb_vat", "value": "1"}, {"value": 2}],
        "a/b~c": 1,
        "metadata": {"ok": "1", "bad": 2},
    }
    answer = tenant.post(CUSTOMERS, body)
    refused(answer, 422)
    assert codes(answer) == {
        ("/name", "wrong-length"),
        ("/net_terms_days", "not-an-integer"),
        ("/billing_address/country", "not-a-choice"),
        ("/billing_address/planet", "unknown-member"),
        ("/tax_ids/0/value", "tax-id-invalid"),
        ("/tax_ids/1/type", "required"),
        ("/tax_ids/1/value", "not-a-string"),
        ("/a~1b~0c", "unknown-member"),
        ("/metadata/bad", "not-a-string"),
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/ld+json",
        "application/jsonp",
        "application/problem+json",
        "application/merge-patch+json",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json, text/plain",
        "json",
        "*/*",
        "\xff",
    ],
)
def test_another_media_type_is_415(tenant: Tenant, content_type: str) -> None:
    refused(send(tenant, b'{"name": "x"}', content_type), 415, "unsupported-media-type")


def test_a_body_without_a_media_type_is_415(tenant: Tenant) -> None:
    refused(send(tenant, b'{"name": "x"}', None), 415)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8"'],
)
def test_json_is_read_however_it_is_spelt(tenant: Tenant, content_type: str) -> None:
    assert send(tenant, b'{"name": "x"}', content_type).status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "x"])
def test_a_compressed_body_is_415_and_the_answer_names_what_is_read(tenant: Tenant, encoding: str) -> None:
    answer = send(tenant, gzip.compress(b'{"name": "x"}'), Content_Encoding=encoding)
    refused(answer, 415)
    assert answer.headers["Accept-Encoding"] == "identity"


def test_merge_patch_is_for_patch_alone(tenant: Tenant) -> None:
    place = f"{CUSTOMERS}/{tenant.customer()['id']}"
    patch = tenant.client.patch(
        place, data=b'{"phone": "1"}', content_type="application/merge-patch+json", headers=tenant.headers
    )
    assert patch.status_code == 200, patch.text
    for method in ("PUT", "POST"):
        path = place if method == "PUT" else CUSTOMERS
        answer = tenant.client.open(
            path, method=method, data=b"{}", content_type="application/merge-patch+json", headers=tenant.headers
        )
        refused(answer, 415)
    refused(tenant.client.patch(place, data=b"phone=1", content_type="text/plain", headers=tenant.headers), 415)


def test_media_type_comes_before_size_size_before_utf_8_utf_8_before_json_and_json_before_the_schema(
    tenant: Tenant,
) -> None:
    large, no_utf_8, no_json = b"\xff" * (MAX_BODY + 1), b'{"name" \xff', b'{"nome": 1'
    refused(send(tenant, large, "text/plain"), 415)
    refused(send(tenant, large), 413)
    assert "UTF-8" in refused(send(tenant, no_utf_8), 400)["detail"]
    assert "JSON" in refused(send(tenant, no_json), 400)["detail"]
    assert "object" in refused(send(tenant, b'["nome"]'), 400)["detail"]
    refused(send(tenant, b'{"nome": 1}'), 422)


def test_who_is_nobody_is_told_so_before_the_body_is_looked_at(tenant: Tenant) -> None:
    for body in (b"\xff", b"[", b"{}"):
        refused(tenant.client.post(CUSTOMERS, data=body, content_type=JSON), 401)


def test_a_mebibyte_is_read_and_a_byte_more_is_413(tenant: Tenant) -> None:
    def padded(size: int) -> bytes:
        return b'{"name": "x"' + b" " * (size - 13) + b"}"

    assert send(tenant, padded(MAX_BODY)).status_code == 201
    refused(send(tenant, padded(MAX_BODY + 1)), 413, "payload-too-large")


@pytest.mark.parametrize("content_type", [None, JSON])
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_action_needs_no_body_and_no_media_type_without_one(
    tenant: Tenant, content_type: str | None, body: bytes
) -> None:
    if body and content_type is None:
        content_type = JSON
    place = f"/v1/invoices/{tenant.draft()['id']}/finalize"
    answer = tenant.client.post(place, data=body, content_type=content_type, headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json["status"] == "open"


def test_an_empty_body_is_an_empty_object_where_members_are_required(tenant: Tenant) -> None:
    answer = send(tenant, b"", None)
    refused(answer, 422)
    assert codes(answer) == {("/name", "required")}


def test_a_number_is_read_from_its_text_and_never_through_a_binary_float(tenant: Tenant) -> None:
    body = json.dumps(tenant.invoice_body(lines=[])).replace(
        '"lines": []', '"lines": [{"description": "x", "quantity": 3, "unit_price": 1234567890123.12345678}]'
    )
    made = tenant.client.post("/v1/invoices", data=body, content_type=JSON, headers=tenant.headers)
    assert made.status_code == 201, made.text
    assert made.json["lines"][0]["unit_price"] == "1234567890123.12345678"


def test_a_whole_number_with_a_fraction_of_zero_is_whole_again_when_the_draft_is_changed(tenant: Tenant) -> None:
    body = json.dumps(tenant.invoice_body(net_terms_days=99)).replace(": 99", ": 30.0").encode()
    made = tenant.client.post("/v1/invoices", data=body, content_type=JSON, headers=tenant.headers)
    assert made.status_code == 201, made.text
    changed = tenant.patch(f"/v1/invoices/{made.json['id']}", {"notes": "x"})
    assert changed.status_code == 200, changed.text
    assert changed.json["net_terms_days"] == 30


def test_what_is_read_is_written_into_a_column_without_a_float() -> None:
    assert write(read(b'{"a": 1.50, "b": 30.0, "c": 7, "d": 1e2, "e": "x", "f": -1.5E-7}')) == (
        '{"a":"1.50","b":30,"c":7,"d":100,"e":"x","f":"-0.00000015"}'
    )


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/auth/logout"), ("DELETE", "/v1/customers/{id}")])
def test_a_body_that_nobody_reads_is_refused(other: Tenant, method: str, path: str) -> None:
    address = path.format(id=other.customer()["id"])

    def send(body: bytes, content_type: str | None) -> TestResponse:
        return other.client.open(address, method=method, data=body, content_type=content_type, headers=other.headers)

    assert send(b" " * (2 * 1024 * 1024), JSON).status_code == 413
    assert send(b"x", "text/plain").status_code == 415
    assert send(b"{", JSON).status_code == 400
    answer = send(b'{"everywhere": true}', JSON)
    assert codes(answer) == {("/everywhere", "unknown-member")}
    assert send(b"{}", JSON).status_code == 204
