"""What is over is deleted, of all tenants, and nothing that somebody needs still."""

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from billing_api import opaque_tokens, reaping
from billing_api.database import db, enter, transaction
from billing_api.embedded import Addresses
from billing_api.reaping import REAPED, reap
from tests.factories import Tenant, login, refresh, sign_up
from tests.schema import connected

WEEK = dt.timedelta(days=7)


@pytest.fixture
def owner(addresses: Addresses, app: Flask) -> Iterator[Any]:
    """The owner, for whom there is no wall, once all is deleted that others have left."""
    with connected(addresses.owner) as cursor:
        swept(app)
        yield cursor


def swept(app: Flask) -> dict[str, int]:
    with app.app_context():
        return reap()


def left(owner: Any, tenant: Tenant, table: str) -> int:
    owner.execute(f"SELECT count(*) FROM {table} WHERE organization_id = %s", [str(tenant.organization_id)])  # noqa: S608 - our own
    return int(owner.fetchone()[0])


def aged(owner: Any, tenant: Tenant, table: str, column: str, age: dt.timedelta) -> None:
    """Let all rows of a tenant be as old."""
    change = f"UPDATE {table} SET {column} = now() - %s::interval WHERE organization_id = %s"  # noqa: S608 - our own
    owner.execute(change, [age, str(tenant.organization_id)])


def a_stored_reply(tenant: Tenant, key: str = "a-key") -> str:
    answer = tenant.post("/v1/customers", {"name": "Once"}, Idempotency_Key=key)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def test_stored_replies_go_after_72_hours_of_whichever_tenant(
    app: Flask, tenant: Tenant, other: Tenant, owner: Any
) -> None:
    first = a_stored_reply(tenant)
    a_stored_reply(other)
    for one, hours in ((tenant, 71.9), (other, 72.1)):
        aged(owner, one, "idempotency_keys", "created_at", dt.timedelta(hours=hours))
    assert swept(app)["idempotency_keys"] == 1
    assert (left(owner, tenant, "idempotency_keys"), left(owner, other, "idempotency_keys")) == (1, 0)
    assert a_stored_reply(tenant) == first, "the retry is answered still"


def test_a_session_goes_a_week_after_its_last_refresh_token_expired_and_no_other(
    app: Flask, client: FlaskClient, tenant: Tenant, owner: Any
) -> None:
    kept = login(client, tenant.email).json
    successor = refresh(client, kept["refresh_token"]).json
    gone = login(client, tenant.email).json
    digests = {name: opaque_tokens.digest(text) for name, text in [
        ("spent", kept["refresh_token"]), ("fresh", successor["refresh_token"]), ("gone", gone["refresh_token"]),
        ("recent", tenant.refresh_token),
    ]}  # fmt: skip
    for name, age in (("spent", WEEK * 2), ("gone", WEEK * 2), ("recent", WEEK - dt.timedelta(hours=1))):
        owner.execute(
            "UPDATE refresh_tokens SET expires_at = now() - %s::interval WHERE digest = %s", [age, digests[name]]
        )
    assert left(owner, tenant, "sessions") == 3
    assert swept(app)["refresh_tokens"] == 2
    owner.execute("SELECT digest FROM refresh_tokens WHERE digest = ANY (%s)", [list(digests.values())])
    assert {digest for (digest,) in owner.fetchall()} == {digests["fresh"], digests["recent"]}
    assert left(owner, tenant, "sessions") == 2
    assert refresh(client, successor["refresh_token"]).status_code == 200
    for token in (gone["refresh_token"], kept["refresh_token"], tenant.refresh_token):
        answer = refresh(client, token)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid-refresh-token")
    assert tenant.get("/v1/organization").status_code == 200, "the access token of a session that is there holds"
    bearer = {"Authorization": f"Bearer {gone['access_token']}"}
    assert client.get("/v1/organization", headers=bearer).status_code == 401


def test_an_ended_session_is_refused_before_and_after_it_went(
    app: Flask, client: FlaskClient, tenant: Tenant, owner: Any
) -> None:
    assert tenant.post("/v1/auth/logout").status_code == 204
    aged(owner, tenant, "refresh_tokens", "expires_at", WEEK * 2)
    for count in (1, 0):
        assert left(owner, tenant, "sessions") == count
        answer = refresh(client, tenant.refresh_token)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid-refresh-token")
        assert tenant.get("/v1/organization").status_code == 401
        swept(app)


def test_mails_go_a_week_after_their_end_and_never_before_it(app: Flask, tenant: Tenant, owner: Any) -> None:
    ids = {name: tenant.mail() for name in ("waits", "sent", "given up", "sent lately")}
    for name, change in (
        ("waits", "created_at = now() - interval '30 days'"),
        ("sent", "letter = NULL, sent_at = now() - interval '8 days'"),
        ("given up", "letter = NULL, abandoned_at = now() - interval '8 days'"),
        ("sent lately", "letter = NULL, sent_at = now() - interval '6 days'"),
    ):
        owner.execute(f"UPDATE mails SET {change} WHERE id = %s", [str(ids[name])])  # noqa: S608 - our own
    assert swept(app)["mails"] == 2
    owner.execute("SELECT id::text FROM mails WHERE id::text = ANY (%s)", [[str(id) for id in ids.values()]])
    assert {id for (id,) in owner.fetchall()} == {str(ids["waits"]), str(ids["sent lately"])}


def test_what_somebody_has_locked_is_left_for_another_time(app: Flask, tenant: Tenant, owner: Any) -> None:
    for key in ("one", "two"):
        a_stored_reply(tenant, key)
    aged(owner, tenant, "idempotency_keys", "created_at", dt.timedelta(days=4))
    aged(owner, tenant, "refresh_tokens", "expires_at", WEEK * 2)
    owner.execute("BEGIN; SELECT FROM idempotency_keys WHERE key = 'one' FOR UPDATE; SELECT FROM sessions FOR UPDATE")
    counts = swept(app)
    owner.execute("ROLLBACK")
    assert (counts["idempotency_keys"], counts["refresh_tokens"]) == (1, 0)
    counts = swept(app)
    assert (counts["idempotency_keys"], counts["refresh_tokens"]) == (1, 1)


def test_a_key_that_is_used_anew_between_the_look_and_the_deletion_stays(
    app: Flask, tenant: Tenant, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_stored_reply(tenant)
    aged(owner, tenant, "idempotency_keys", "created_at", dt.timedelta(days=4))
    look = reaping._over

    def look_and_wait(*words: Any) -> Any:
        found = look(*words)
        # In a thread of its own, for this one has a unit of work at hand.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(a_stored_reply, tenant).result()
        return found

    monkeypatch.setattr(reaping, "_over", look_and_wait)
    assert swept(app)["idempotency_keys"] == 0
    assert left(owner, tenant, "idempotency_keys") == 1


def test_no_transaction_deletes_more_than_a_batch(
    app: Flask, tenant: Tenant, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaping, "AT_ONCE", 10)
    counts: list[int] = []
    delete = reaping._delete
    monkeypatch.setattr(reaping, "_delete", lambda *words: counts.append(delete(*words)) or counts[-1])
    old_replies(owner, tenant, 35)
    assert swept(app)["idempotency_keys"] == 35
    assert counts == [10, 10, 10, 5]


def test_reaping_under_load_meets_nobody_in_a_ring(app: Flask, tenant: Tenant, other: Tenant, owner: Any) -> None:
    for one in (tenant, other):
        old_replies(owner, one, 300)
    owner.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    before, statuses = owner.fetchone(), set()

    def write(one: Tenant) -> None:
        client = app.test_client()
        for number in range(25):
            headers = {**one.headers, "Idempotency-Key": f"old-{number}"}
            statuses.add(client.post("/v1/customers", json={"name": "Once"}, headers=headers).status_code)

    threads = [threading.Thread(target=write, args=[one]) for one in (tenant, other)]
    threads += [threading.Thread(target=swept, args=[app]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    swept(app)
    owner.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert (owner.fetchone(), statuses) == (before, {201})
    assert [left(owner, one, "idempotency_keys") for one in (tenant, other)] == [25, 25]


@pytest.mark.slow
def test_a_hundred_thousand_rows_go(app: Flask, tenant: Tenant, owner: Any) -> None:
    tenants = [sign_up(app) for _ in range(5)]
    for one in tenants:
        old_replies(owner, one, 20_000)
    assert swept(app)["idempotency_keys"] == 100_000


@pytest.mark.parametrize("leftover", REAPED, ids=lambda leftover: leftover.table)
def test_only_the_reaper_sees_across_tenants_and_only_what_is_over(
    app: Flask, tenant: Tenant, other: Tenant, leftover: reaping.Leftover, owner: Any
) -> None:
    """Inside a tenant, with no setting, nothing of another is there; with it, what is over can be read, and no more."""
    a_stored_reply(other)
    other.mail()
    assert other.post("/v1/invitations", {"email": f"guest-{other.email}", "role": "viewer"}).status_code == 201
    assert other.client.post("/v1/auth/password-reset", json={"email": other.email}).status_code == 202
    model = leftover.model
    theirs = sa.select(sa.func.count()).where(model.organization_id == other.organization_id)
    with app.app_context():
        with transaction():
            enter(tenant.organization_id)
            assert db.session.scalar(theirs) == 0
        with transaction():
            enter(tenant.organization_id)
            reaping.reveal(f"reaped_{leftover.table}", "2000-01-01T00:00:00+00:00")
            assert db.session.scalar(theirs) == 0
            over = "2999-01-01T00:00:00+00:00"
            for other_table in {one.table for one in REAPED} - {leftover.table}:
                reaping.reveal(f"reaped_{other_table}", over)
            assert db.session.scalar(theirs) == 0
            owner.execute("UPDATE mails SET letter = NULL, sent_at = now() WHERE letter IS NOT NULL")
            reaping.reveal(f"reaped_{leftover.table}", over)
            assert (db.session.scalar(theirs) or 0) > 0
            gone = sa.delete(model).where(model.organization_id == other.organization_id)
            assert db.session.execute(gone.execution_options(synchronize_session=False)).rowcount == 0
        with transaction():
            enter(tenant.organization_id)
            assert db.session.scalar(theirs) == 0, "it ended with the transaction"


def test_the_service_deletes_only_where_something_is_reaped_or_a_user_deletes(owner: Any, addresses: Addresses) -> None:
    with connected(addresses.service) as service:
        service.execute("""
            SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
              AND has_table_privilege(oid, 'DELETE')""")
        found = {name for (name,) in service}
    assert {leftover.table for leftover in REAPED} | {"sessions"} <= found
    assert not found & {"organizations", "events", "ledger_entries", "document_numbers", "payments"}


def old_replies(owner: Any, tenant: Tenant, count: int) -> None:
    owner.execute(
        "INSERT INTO idempotency_keys (organization_id, actor_id, key, fingerprint, status, headers, body, created_at) "
        "SELECT %s, %s, 'old-' || n, 'x', 201, '{}', '', now() - interval '4 days' FROM generate_series(0, %s) n",
        [str(tenant.organization_id), str(tenant.user_id), count - 1],
    )
