"""What is compressed, for whom, and that nothing else about an answer changes by it."""

import gzip
import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing_api.web.csv import CSV, is_tabular
from tests.factories import Tenant, sign_up
from tests.web.refusals import refused

LISTS = ("/v1/customers", "/v1/invoices", "/v1/events", "/v1/ledger/entries", "/v1/invoices?status=draft")
OF_THE_ANSWER_ITSELF = {"Content-Length", "Content-Encoding", "X-Request-Id", "RateLimit", "Date"}
"""Headers that may differ between the plain and the compressed answer, or from request to request."""


@pytest.fixture(scope="module")
def seller(app: Flask) -> Tenant:
    """A tenant whose lists are longer than a kilobyte."""
    tenant = sign_up(app)
    for _ in range(3):
        tenant.invoice()
    return tenant


def is_compressed(answer: TestResponse) -> bool:
    coding = answer.headers.get("Content-Encoding")
    assert coding in {None, "gzip"}
    assert (coding == "gzip") == answer.data.startswith(b"\x1f\x8b")
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    return coding == "gzip"


def varies(answer: TestResponse) -> set[str]:
    return set(answer.headers["Vary"].split(", "))


@pytest.mark.parametrize("accept", ["application/json", CSV])
@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_the_same_compressed_and_plain(seller: Tenant, path: str, accept: str) -> None:
    """Plant the flaw by compressing with the time of now, by leaving out `Vary`, or by setting only the body."""
    plain = seller.get(path, Accept=accept)
    answers = [seller.get(path, Accept=accept, Accept_Encoding="gzip") for _ in range(2)]
    is_long = len(plain.data) >= 1024
    assert [is_compressed(one) for one in (plain, *answers)] == [False, is_long, is_long]
    assert answers[0].data == answers[1].data
    assert (gzip.decompress(answers[0].data) if is_long else answers[0].data) == plain.data
    assert {"Accept", "Accept-Encoding", "Origin"} <= varies(plain) == varies(answers[0])
    assert shown(plain) == shown(answers[0])


def shown(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_THE_ANSWER_ITSELF}


def test_no_list_and_no_report_is_left_out(app: Flask, seller: Tenant) -> None:
    """Plant the flaw by offering it for JSON alone, or for what has `data` alone."""
    known = seller.get("/v1/invoices?limit=1").json["data"][0]
    for rule in app.url_map.iter_rules():
        _, schema = getattr(app.view_functions[rule.endpoint], "answers_with", (200, None))
        if is_tabular(schema):
            path = rule.rule.replace("<uuid:customer_id>", known["customer_id"])
            path = path.replace("<uuid:invoice_id>", known["id"])
            # Who takes nothing else gets the shortest list compressed.
            for accept in ("application/json", CSV):
                answer = seller.get(path, Accept=accept, Accept_Encoding="gzip, identity;q=0")
                assert (answer.status_code, is_compressed(answer)) == (200, True), path
                assert gzip.decompress(answer.data)[:60] == seller.get(path, Accept=accept).data[:60]


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("gzip", True), ("GZIP", True), ("gzip, deflate, br", True), ("br;q=1, gzip;q=0.001", True), ("*", True),
        ("gzip;q=1.0, identity;q=0.5", True), ("identity;q=0.5, *;q=0.6", True), ("identity;q=0, *", True),
        ("gzip;q=0.5, identity;q=0.5", True), ("", False), ("identity", False), ("br", False), ("gzip;q=0", False),
        ("gzip;q=0, *", False), ("*;q=0", False), ("*, gzip;q=0", False), ("identity, gzip;q=0.5", False),
        ("identity;q=0.6, *;q=0.5", False), ("identity;q=0", False), ("xgzip", False), ("gzip;q=x", False),
    ],
)  # fmt: skip
def test_accept_encoding_chooses(seller: Tenant, accepted: str, wanted: bool) -> None:
    """Plant the flaw by asking whether the word gzip stands in the header."""
    answer = seller.get("/v1/invoices", Accept_Encoding=accepted)
    assert (answer.status_code, is_compressed(answer)) == (200, wanted)
    assert "Accept-Encoding" in varies(answer)


def test_the_document_is_compressed_and_what_a_page_is_made_of_is_not(app: Flask) -> None:
    client = app.test_client()
    plain, packed = (client.get("/openapi.json", headers={"Accept-Encoding": one}) for one in ("identity", "gzip"))
    assert is_compressed(packed)
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) * 5 < len(plain.data)
    assert (packed.headers["Cache-Control"], varies(packed)) == (plain.headers["Cache-Control"], varies(plain))
    assert "Content-Encoding" not in client.get("/problems/not-found", headers={"Accept-Encoding": "gzip"}).headers


def test_head_says_of_a_compressed_list_what_get_says(seller: Tenant) -> None:
    """Plant the flaw by compressing for GET alone."""
    get, head = (seller.call(method, "/v1/invoices?limit=2", Accept_Encoding="gzip") for method in ("GET", "HEAD"))
    assert is_compressed(get)
    assert (head.status_code, head.data) == (200, b"")
    ignored = {"X-Request-Id", "RateLimit", "Date"}
    told = [{name: value for name, value in one.headers.items() if name not in ignored} for one in (get, head)]
    assert told[0] == told[1]
    assert {"Link", "Content-Encoding", "Content-Length"} <= told[1].keys()


def test_no_object_no_secret_and_no_refusal_is_compressed(seller: Tenant) -> None:
    """A length tells what repeats. Plant the flaw by offering it for every answer."""
    gzip_only = {"Accept_Encoding": "gzip;q=1, identity;q=0"}
    customer = seller.customer(name="x" * 200, metadata={f"k{n}": "x" * 400 for n in range(9)})
    made: list[Any] = [
        seller.get(customer["links"]["self"], **gzip_only),
        seller.patch(customer["links"]["self"], {"phone": "1"}, **gzip_only),
        seller.post("/v1/api-keys", {"name": "x" * 100, "scopes": ["events:read"]}, **gzip_only),
        seller.post("/v1/customers/bulk", {"items": [{"name": "x"}] * 20}, **gzip_only),
        seller.get("/v1/me", **gzip_only),
        seller.get("/", **gzip_only),
        seller.client.post(
            "/v1/auth/login",
            json={"email": seller.email, "password": "wrong"},
            headers={"Accept-Encoding": "gzip"},
        ),
    ]
    for answer in made:
        assert not is_compressed(answer), answer.request.path
        assert "Accept-Encoding" not in varies(answer)
    refusal = seller.get(f"/v1/customers?cursor={'a' * 2000}", **gzip_only)
    refused(refusal, 400)
    assert not is_compressed(refusal)


def test_a_browser_may_read_a_compressed_list(seller: Tenant) -> None:
    origin = "https://app.example.com"
    answer = seller.get("/v1/invoices", Origin=origin, Accept_Encoding="gzip")
    assert is_compressed(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert {"Origin", "Accept", "Accept-Encoding"} <= varies(answer)


def test_a_replay_is_the_same_bytes_for_who_takes_gzip(seller: Tenant) -> None:
    """Plant the flaw by compressing what is stored under an Idempotency-Key."""
    body = {"items": [{"name": f"Customer {n}"} for n in range(20)]}
    first, again = (
        seller.post("/v1/customers/bulk", body, Idempotency_Key="packed", Accept_Encoding=one)
        for one in ("gzip", "identity")
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.data == again.data
    assert json.loads(again.data)["succeeded"] == 20
