"""What is kept of a second factor, what is told of it, and that of many who send one code the first alone comes in."""

import functools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg2 import sql

from billing_api.auth import passwords
from billing_api.auth.models import User
from billing_api.database import enter, find, transaction
from billing_api.embedded import Addresses
from tests import sharing
from tests.factories import FACTOR, PASSWORD, Authenticator, Tenant, login, told
from tests.live_service import LiveService, together
from tests.meddling import IN_VAIN, one_within_the_other, rewriting
from tests.money_races import Call
from tests.schema import connected

tenant = sharing.tenant

OF_USERS = (r"(FROM users[\s\S]*) FOR NO KEY UPDATE OF users", r"\1")
OF_SPENT = (r"(UPDATE recovery_codes[\s\S]*) AND recovery_codes.used_at IS NULL", r"\1")
"""Guards of a code, and what is left without them."""
IN_HAND = "FROM second_factors"


def logging_in(user: Tenant, code: str) -> Call:
    return "POST", "/v1/auth/login", {"email": user.email, "password": PASSWORD, "code": code}


@contextmanager
def secret_key(app: Flask, key: str) -> Iterator[None]:
    """The service with another secret key."""
    before, app.config["SECRET_KEY"] = app.config["SECRET_KEY"], key
    try:
        yield
    finally:
        app.config["SECRET_KEY"] = before


@pytest.mark.parametrize("kind", ["timed", "recovery"])
def test_of_eight_who_send_one_code_one_comes_in(live: LiveService, user: Tenant, kind: str) -> None:
    # What it reads it must have sealed itself: its secret key is its own.
    begun = live.send("POST", FACTOR, {"password": PASSWORD}, user.headers)
    device = Authenticator(begun.json["secret"])
    verified = live.send("POST", f"{FACTOR}/verify", {"code": device.code()}, user.headers)
    method, path, body = logging_in(user, device.code(1) if kind == "timed" else verified.json["recovery_codes"][0])
    replies = together([functools.partial(live.send, method, path, body)] * 8)
    assert sorted(reply.status for reply in replies) == [200] + [401] * 7
    assert {reply.json["code"] for reply in replies if reply.status == 401} == {"second-factor-refused"}


def test_two_who_meet_over_one_code_are_one_and_without_the_lock_both(app: Flask, user: Tenant) -> None:
    device = user.second_factor()
    call = logging_in(user, device.code())
    assert sorted(one.status for one in one_within_the_other(user, (call, call), IN_HAND)) == [200, 401]
    call = logging_in(user, device.code(1))
    with rewriting(app, *OF_USERS):
        met = one_within_the_other(user, (call, call), IN_HAND, IN_VAIN)
    assert [one.status for one in met] == [200, 200]


def test_a_recovery_code_has_two_guards_of_which_either_is_enough(app: Flask, user: Tenant) -> None:
    codes = iter(user.second_factor().recovery_codes)

    def meet(patience: float) -> list[int]:
        call = logging_in(user, next(codes))
        return sorted(one.status for one in one_within_the_other(user, (call, call), IN_HAND, patience))

    with rewriting(app, *OF_USERS):
        assert meet(IN_VAIN) == [200, 401]
        with rewriting(app, *OF_SPENT):
            assert meet(IN_VAIN) == [200, 200]


@pytest.mark.parametrize("path", [FACTOR, f"{FACTOR}/recovery-codes", f"{FACTOR}/disable"])
def test_a_password_that_changes_meanwhile_proves_nothing(
    app: Flask, user: Tenant, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    device, matches = user.second_factor(), passwords.matches

    def and_meanwhile(*given: str) -> bool:
        with app.app_context(), transaction():
            enter(user.organization_id)
            find(User, user.user_id, lock=True).password_hash = passwords.digest("another password")
        return matches(*given)

    monkeypatch.setattr(passwords, "matches", and_meanwhile)
    answer = user.post(path, {"password": PASSWORD, "code": device.code()})
    assert told(answer) == (422, "wrong-password")
    assert user.get(FACTOR).json["recovery_codes_left"] == 10


def test_the_database_lets_no_spent_code_come_back(addresses: Addresses, client: FlaskClient, user: Tenant) -> None:
    device = user.second_factor()
    assert login(client, user.email, code=device.recovery_codes[0]).status_code == 200
    with connected(addresses.owner) as cursor, pytest.raises(Exception, match="recovery_codes does not go back"):
        cursor.execute("UPDATE recovery_codes SET used_at = NULL WHERE used_at IS NOT NULL")


def test_neither_secret_nor_codes_can_be_read_in_the_database(addresses: Addresses, user: Tenant) -> None:
    begun, device = user.begin_second_factor(), user.second_factor()
    with connected(addresses.owner) as cursor:
        rows = []
        for table in ("second_factors", "recovery_codes", "users", "sessions", "events", "idempotency_keys"):
            query = sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE organization_id = %s")
            cursor.execute(query.format(sql.Identifier(table)), [str(user.organization_id)])
            rows += [row for (row,) in cursor.fetchall()]
    kept = "\n".join(rows)
    assert kept.count(str(user.user_id)) > 3
    for secret in (begun.secret, device.secret, *device.recovery_codes):
        assert secret not in kept
        assert secret.replace("-", "") not in kept


def test_events_and_logs_tell_the_deeds_and_none_of_the_codes(
    client: FlaskClient, tenant: Tenant, user: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    device = user.second_factor()
    code = device.code()
    assert login(client, user.email, code=code).status_code == 200
    login(client, user.email, code="735201")
    assert login(client, user.email, code=device.recovery_codes[0]).status_code == 200
    proof = {"password": PASSWORD, "code": device.recovery_codes[1]}
    renewed = user.post(f"{FACTOR}/recovery-codes", proof).json["recovery_codes"]
    assert user.post(f"{FACTOR}/disable", {"password": PASSWORD, "code": renewed[0]}).status_code == 204
    events = tenant.get(f"/v1/events?object_id={user.user_id}").json["data"]
    assert [event["type"] for event in events] == [
        "user.second_factor_enabled", "user.recovery_code_used", "user.recovery_code_used",
        "user.recovery_codes_renewed", "user.recovery_code_used", "user.second_factor_disabled",
    ]  # fmt: skip
    assert all(event["data"] == {} for event in events)
    printed = capsys.readouterr()
    said = json.dumps(events) + printed.out + printed.err
    assert "/v1/auth/login" in said
    for secret in (device.secret, code, "735201", user.email, PASSWORD, *device.recovery_codes, *renewed):
        # By itself: six digits stand in many an id.
        assert not re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", said)


def test_a_secret_that_another_key_sealed_lets_in_by_recovery_codes_alone(
    app: Flask, client: FlaskClient, user: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    device = user.second_factor()
    with secret_key(app, "another secret key, of thirty-two bytes and more"):
        assert told(login(client, user.email)) == (401, "second-factor-required")
        assert told(login(client, user.email, code=device.code())) == (401, "second-factor-refused")
        assert "a second factor cannot be read with this secret key" in capsys.readouterr().out
        assert login(client, user.email, code=device.recovery_codes[0]).status_code == 200
        begun = user.post(FACTOR, {"password": PASSWORD, "code": device.recovery_codes[1]})
        device.secret = begun.json["secret"]
        assert user.post(f"{FACTOR}/verify", {"code": device.code()}).status_code == 200
        assert login(client, user.email, code=device.code(1)).status_code == 200


def test_what_was_begun_under_another_key_is_begun_again(app: Flask, user: Tenant) -> None:
    begun = user.begin_second_factor()
    with secret_key(app, "another secret key, of thirty-two bytes and more"):
        assert told(user.post(f"{FACTOR}/verify", {"code": begun.code()})) == (422, "wrong-code")
        user.second_factor()
