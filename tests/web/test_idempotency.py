"""A retry under the same Idempotency-Key does nothing a second time and is answered as the first was; on every POST."""

import json
import uuid
from typing import Any

import pytest
from flask import Flask

from tests.factories import PASSWORD, Tenant, line
from tests.web.refusals import codes, refused
from tests.web.retried import CLOSING, CUSTOMERS, REQUESTS, facts, is_replay, once

KEPT_HOURS = 72


def test_every_post_stands_in_the_list_but_for_those_that_store_nothing(app: Flask) -> None:
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    # The stored reply of a key lacks its secret, and has a test of its own; of second factors nothing is stored.
    forgotten = {rule for rule in posts if "/auth/" in rule or rule.endswith("/preview") or "/second-factor" in rule}
    assert posts - forgotten == {*REQUESTS, CLOSING, "/v1/api-keys"}


@pytest.mark.parametrize("rule", REQUESTS)
def test_a_retry_is_answered_as_the_first_was_and_does_nothing(tenant: Tenant, key: str, rule: str) -> None:
    path, body = REQUESTS[rule](tenant)
    first = tenant.post(path, body, Idempotency_Key=key)
    assert first.status_code in {200, 201}, first.text
    assert not is_replay(first)
    before = facts(tenant)
    for _ in range(2):
        again = tenant.post(path, body, Idempotency_Key=key)
        assert is_replay(again)
        assert (again.status_code, again.data) == (first.status_code, first.data)
        for name in ("Content-Type", "Location", "ETag"):
            assert again.headers.get(name) == first.headers.get(name)
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert facts(tenant) == before


@pytest.mark.parametrize("rule", REQUESTS)
def test_every_post_refuses_a_key_that_is_none(tenant: Tenant, rule: str) -> None:
    path, body = REQUESTS[rule](tenant)
    before = facts(tenant)
    for key in ("", " ", "a b", "a" * 256, "\xe9", "a\x01", "a\x7f", "\u0661".encode().decode("latin-1")):
        answer = tenant.post(path, body, Idempotency_Key=key)
        refused(answer, 400, "idempotency-key-malformed")
        assert codes(answer) == {("Idempotency-Key", "wrong-format")}
    assert facts(tenant) == before


@pytest.mark.parametrize(
    "key", ["a", "a" * 255, "".join(map(chr, range(0x21, 0x7F))), "'; DROP TABLE customers --".replace(" ", "")]
)
def test_a_key_is_up_to_255_visible_characters(tenant: Tenant, key: str) -> None:
    first = once(tenant, key)
    assert first.status_code == 201, first.text
    assert is_replay(once(tenant, key))


def test_another_request_under_the_key_is_refused_and_does_nothing(tenant: Tenant, key: str) -> None:
    draft = tenant.draft()
    assert once(tenant, key).status_code == 201
    before = facts(tenant)
    others: list[tuple[str, Any]] = [
        (CUSTOMERS, {"name": "Twice"}),
        (CUSTOMERS, {"name": "Once", "phone": None}),
        (CUSTOMERS, {}),
        (CUSTOMERS, {"name": 1}),
        (f"{CUSTOMERS}?dry_run=false", {"name": "Once"}),
        ("/v1/invoices", {"name": "Once"}),
        (f"/v1/invoices/{draft['id']}/finalize", {}),
    ]
    for path, body in others:
        refused(once(tenant, key, path, body), 422, "idempotency-key-reused")
    assert facts(tenant) == before
    assert is_replay(once(tenant, key)), "and the key still stands for the first"


def test_how_the_json_is_written_does_not_make_it_another_request(tenant: Tenant, key: str) -> None:
    ways = ['{"name":"\u00c9","phone":"1"}', ' { "phone" : "1",\r\n"name"\t: "\\u00c9" } ']
    answers = [tenant.post_text(CUSTOMERS, text, Idempotency_Key=key) for text in ways]
    assert [is_replay(answer) for answer in answers] == [False, True]


def test_what_was_refused_is_not_stored_and_the_key_is_free(tenant: Tenant, key: str) -> None:
    tenant.customer(email="taken@example.com")
    refused(tenant.post_text(CUSTOMERS, "{", Idempotency_Key=key), 400)
    refused(once(tenant, key, body={"name": ""}), 422)
    refused(once(tenant, key, body={"name": "Once", "email": "taken@example.com"}), 409)
    refused(once(tenant, key, f"/v1/invoices/{uuid.uuid4()}/finalize", {}), 404)
    refused(
        tenant.client.post(
            CUSTOMERS, data="x", content_type="text/plain", headers={**tenant.headers, "Idempotency-Key": key}
        ),
        415,
    )
    done = once(tenant, key)
    assert done.status_code == 201
    assert not is_replay(done)


def test_what_is_refused_for_lack_of_a_scope_is_not_stored_either(tenant: Tenant, key: str) -> None:
    viewer = tenant.colleague("viewer")
    for _ in range(2):
        answer = once(viewer, key)
        refused(answer, 403, "insufficient-scope")
        assert not is_replay(answer)


def test_a_replay_shows_the_object_as_it_was_then(tenant: Tenant, key: str) -> None:
    made = once(tenant, key)
    assert tenant.patch(made.json["links"]["self"], {"name": "Changed"}).status_code == 200
    again = once(tenant, key)
    assert (again.json["name"], again.json["version"]) == ("Once", 1)
    assert again.headers["ETag"] == '"1"'
    assert tenant.delete(made.json["links"]["self"]).status_code == 204
    assert once(tenant, key).data == made.data


def test_a_dry_run_stores_nothing_and_finds_nothing(tenant: Tenant, key: str) -> None:
    tried = once(tenant, key, f"{CUSTOMERS}?dry_run=true")
    assert (tried.status_code, tried.headers["Dry-Run"]) == (201, "true")
    done = once(tenant, key)
    assert not is_replay(done)
    assert not is_replay(once(tenant, key, f"{CUSTOMERS}?dry_run=true"))
    assert is_replay(once(tenant, key))


def test_previews_store_nothing(tenant: Tenant, key: str) -> None:
    for quantity in ("1", "2"):
        answer = once(tenant, key, "/v1/invoices/preview", {"lines": [line(quantity=quantity)]})
        assert answer.status_code == 200
        assert not is_replay(answer)


def test_credentials_are_never_replayed(tenant: Tenant, key: str, owner: Any) -> None:
    body = {"email": tenant.email, "password": PASSWORD}
    grants = [tenant.client.post("/v1/auth/login", json=body, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert not any(is_replay(grant) for grant in grants)
    assert grants[0].json["refresh_token"] != grants[1].json["refresh_token"]
    owner.execute("SELECT count(*) FROM idempotency_keys WHERE organization_id = %s", [str(tenant.organization_id)])
    assert owner.fetchone() == (0,)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "GET"])
def test_methods_that_may_be_repeated_anyway_do_not_look_at_the_key(tenant: Tenant, key: str, method: str) -> None:
    path = tenant.customer()["links"]["self"]
    assert once(tenant, key).status_code == 201
    answer = tenant.call(method, path, {"name": "x"} if method in {"PUT", "PATCH"} else None, Idempotency_Key=key)
    assert answer.status_code in {200, 204}
    assert not is_replay(answer)


def test_a_reply_is_kept_for_three_days_and_then_goes(tenant: Tenant, key: str, owner: Any) -> None:
    def age(hours: int) -> None:
        query = "UPDATE idempotency_keys SET created_at = now() - make_interval(hours => %s) WHERE organization_id = %s"
        owner.execute(query, [hours, str(tenant.organization_id)])

    first = once(tenant, key)
    age(KEPT_HOURS - 1)
    assert once(tenant, key).data == first.data
    age(KEPT_HOURS + 1)
    second = once(tenant, key)
    assert not is_replay(second)
    assert second.json["id"] != first.json["id"]
    assert once(tenant, key).data == second.data


def test_old_replies_are_swept_when_new_ones_are_stored(tenant: Tenant, owner: Any) -> None:
    organization = str(tenant.organization_id)
    for n in range(8):
        once(tenant, f"old-{n}")
    owner.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '73 hours' WHERE organization_id = %s",
        [organization],
    )
    for n in range(2):
        once(tenant, f"new-{n}")
    owner.execute("SELECT key FROM idempotency_keys WHERE organization_id = %s ORDER BY key", [organization])
    assert owner.fetchall() == [("new-0",), ("new-1",)]


def test_what_is_stored_holds_no_credential(tenant: Tenant, key: str, owner: Any) -> None:
    once(tenant, key)
    owner.execute(
        "SELECT row_to_json(k)::text, convert_from(body, 'UTF8') FROM idempotency_keys k WHERE key = %s", [key]
    )
    row, body = owner.fetchone()
    assert json.loads(body)["name"] == "Once"
    for secret in (tenant.access_token, tenant.refresh_token):
        assert secret not in row + body
