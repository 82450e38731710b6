"""A refusal says in words what belongs there: the list, an example, the bounds, and no regular expression."""

import re
from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from marshmallow import fields

from billing_api.web.fields import Choice, Schema, Text
from tests import sharing
from tests.factories import Tenant, line
from tests.web.refusals import refused

ORGANIZATION, CUSTOMERS, PREVIEW = "/v1/organization", "/v1/customers", "/v1/invoices/preview"

tenant = sharing.tenant


def schemas(root: type[ma.Schema] = Schema) -> Iterator[type[ma.Schema]]:
    for kind in root.__subclasses__():
        yield kind
        yield from schemas(kind)


def inner(field: fields.Field[Any]) -> fields.Field[Any]:
    return inner(field.inner) if isinstance(field, fields.List) else field


def test_every_form_and_every_long_list_is_said_in_words(app: Flask) -> None:
    found = [(kind, name, inner(field)) for kind in schemas() for name, field in kind().fields.items()]
    texts = [(kind, name, field) for kind, name, field in found if isinstance(field, Text) and field.pattern]
    lists = [(kind, name, field) for kind, name, field in found if isinstance(field, Choice)]
    assert len(texts) > 5
    assert len(lists) > 5
    for kind, name, field in texts:
        assert re.fullmatch(r"[A-Z].{20,}\.", field.hint), (kind, name)
        assert not re.search(r"[\[\]|\\^$]", field.hint), (kind, name)
    for kind, name, field in lists:
        assert len(field.hint) < 200, (kind, name)


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("PATCH", ORGANIZATION, {"default_currency": "euro"}, ["ISO 4217", "capitals", "EUR"]),
        ("PATCH", ORGANIZATION, {"country": "Germany"}, ["ISO 3166-1 alpha-2", "capitals", "DE"]),
        ("PATCH", ORGANIZATION, {"time_zone": "CET+1"}, ["IANA time zone", "Europe/Berlin"]),
        ("PATCH", ORGANIZATION, {"cancellation_mode": "x"}, ["credit_note, void"]),
        ("PATCH", ORGANIZATION, {"bank_account": {"bic": "x"}}, ["BIC", "SOLADEST600"]),
        ("PATCH", ORGANIZATION, {"bank_account": {"iban": "x"}}, ["IBAN", "DE75512108001245126199"]),
        ("POST", CUSTOMERS, {"name": "x", "tax_ids": [{"type": "VAT", "value": "1"}]}, ["eu_vat"]),
        ("POST", CUSTOMERS, {"name": "x", "locale": "german"}, ["BCP 47", "de-DE"]),
        ("POST", PREVIEW, {"lines": [line(unit="kg")]}, ["UN/ECE Recommendation 20", "C62 (piece)", "HUR (hour)"]),
        ("POST", PREVIEW, {"lines": [line(tax_category="X")]}, ["UNCL 5305", "S, Z, E, AE, K, G, O, L, M, B"]),
        ("POST", PREVIEW, {"lines": [line(quantity="1,5")]}, ["12.50", "with a point, not a comma"]),
        ("POST", PREVIEW, {"type_code": "381", "lines": [line()]}, ["380, 384, 386, 389"]),
        ("GET", "/v1/invoices?status=open;paid", None, ["draft, open, paid, uncollectible, void", "commas"]),
        ("GET", "/v1/invoices?sort=name", None, ["created_at, -created_at"]),
        ("DELETE", "/v1/me", None, ["GET"]),
    ],
)
def test_the_detail_says_what_belongs_there(
    tenant: Tenant, method: str, path: str, body: dict[str, Any] | None, words: list[str]
) -> None:
    answer = tenant.call(method, path, body)
    assert answer.status_code in {400, 405, 422}
    detail = refused(answer, answer.status_code)["detail"]
    assert [word for word in words if word not in detail] == [], detail


def test_what_is_too_large_and_what_is_no_tag_is_told_what_would_do(tenant: Tenant) -> None:
    answer = tenant.post_text(CUSTOMERS, " " * 1_100_000)
    assert "1 MiB" in refused(answer, 413)["detail"]
    answer = tenant.patch(tenant.customer()["links"]["self"], {"name": "x"}, If_Match="1")
    assert '"1"' in refused(answer, 400)["detail"]


def test_a_request_without_a_good_token_is_told_what_to_send(tenant: Tenant) -> None:
    for headers in ({}, {"Authorization": "Bearer a.b.c"}, {"Authorization": "Basic YTpi"}):
        answer = tenant.client.get("/v1/me", headers=headers)
        assert "`Authorization: Bearer <access token>`" in refused(answer, 401)["detail"]


@pytest.mark.parametrize("percent", ["0", "-1", "100.0001", "101", 0, -2.5, 1000])
def test_a_discount_for_early_payment_lies_above_0_and_is_at_most_100(tenant: Tenant, percent: Any) -> None:
    body = {"lines": [line()], "early_payment_discount": {"percent": percent, "days": 10}}
    refused(tenant.post(PREVIEW, body), 422, "out-of-range")
    body["early_payment_discount"] = {"percent": "0.0001", "days": 10}
    assert tenant.post(PREVIEW, body).status_code == 200
    body["early_payment_discount"] = {"percent": 100, "days": 10}
    assert tenant.post(PREVIEW, body).json["early_payment_discount"]["percent"] == "100"
