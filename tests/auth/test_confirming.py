"""Whoever is logged in and gives their password once more: counted for themselves, and noted when it fails."""

import datetime as dt

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from billing_api import clock
from billing_api.auth import lockout
from billing_api.auth.enrolment import WrongCode
from tests.auth.test_second_factor import told
from tests.factories import FACTOR, PASSWORD, Authenticator, Tenant, login, sign_up

WRONG = "another long password"
NEW = {"current_password": PASSWORD, "new_password": "a ladder of nine green moons"}


def actions(tenant: Tenant, word: str) -> int:
    return len(tenant.get(f"/v1/audit-log?action={word}").json["data"])


def refusals(tenant: Tenant) -> list[str]:
    """Why the user was refused, each time that it is noted of them."""
    noted = tenant.get(f"/v1/audit-log?action=user.confirmation_refused&actor_id={tenant.user_id}").json["data"]
    assert {one["object"]["id"] for one in noted} <= {str(tenant.user_id)}
    return [one["data"]["reason"] for one in noted]


def test_guesses_of_strangers_keep_nobody_from_their_own_account(client: FlaskClient, tenant: Tenant) -> None:
    for _ in range(10):
        login(client, tenant.email, WRONG)
    assert login(client, tenant.email).status_code == 429
    assert tenant.put("/v1/me/password", NEW).status_code == 200


def test_ten_wrong_passwords_of_ones_own_are_enough_and_each_is_noted(client: FlaskClient, tenant: Tenant) -> None:
    wrong = {**NEW, "current_password": WRONG}
    answers = [tenant.put("/v1/me/password", wrong).status_code for _ in range(5)]
    answers += [tenant.post(FACTOR, {"password": WRONG}).status_code for _ in range(6)]
    assert answers == [422] * 10 + [429]
    assert tenant.put("/v1/me/password", NEW).json["code"] == "too-many-attempts"
    assert refusals(tenant) == ["wrong password"] * 10
    # The door is another matter.
    assert login(client, tenant.email).status_code == 200


@pytest.mark.parametrize("door", ["", "/recovery-codes", "/disable"])
def test_ten_wrong_codes_are_enough_and_each_is_noted_and_nothing_else_kept(tenant: Tenant, door: str) -> None:
    tenant.second_factor()
    wrong = {"password": PASSWORD, "code": "000000"}
    path = f"{FACTOR}{door}"
    answers = [told(tenant.post(path, wrong)) for _ in range(11)]
    # A right password of which nothing came has not ended the count.
    assert answers == [(422, "wrong-code")] * 10 + [(429, "too-many-attempts")]
    assert refusals(tenant) == ["wrong code"] * 10
    status = tenant.get(FACTOR).json
    assert (status["enrolled"], status["recovery_codes_left"]) == (True, 10)


def test_a_refused_code_that_kept_nothing_would_leave_no_trace(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.second_factor()
    monkeypatch.setattr(WrongCode, "keeps", False)
    assert tenant.post(FACTOR, {"password": PASSWORD, "code": "000000"}).status_code == 422
    assert refusals(tenant) == []


def test_without_the_count_all_guesses_are_looked_at(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "count_own", lambda _: None)
    wrong = {**NEW, "current_password": WRONG}
    assert {tenant.put("/v1/me/password", wrong).status_code for _ in range(12)} == {422}


def test_a_success_begins_the_count_anew(tenant: Tenant) -> None:
    for _ in range(3):
        for _ in range(6):
            assert tenant.post(FACTOR, {"password": WRONG}).status_code == 422
        assert tenant.post(FACTOR, {"password": PASSWORD}).status_code == 201


def test_the_code_of_an_enrolment_is_guessed_ten_times_and_waits_ten_minutes(app: Flask) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        tenant = sign_up(app, is_ready=False)
        device = tenant.begin_second_factor()
        wrong = {"code": str((int(device.code()) + 1) % 1_000_000).zfill(6)}
        answers = [tenant.post(f"{FACTOR}/verify", wrong).status_code for _ in range(11)]
        assert answers == [422] * 10 + [429]
        assert refusals(tenant) == ["wrong code"] * 10
        other = sign_up(app, is_ready=False)
        late = other.begin_second_factor()
        time.shift(dt.timedelta(minutes=10, seconds=1))
        answer = other.post(f"{FACTOR}/verify", {"code": late.code()})
        assert (answer.status_code, answer.json["code"]) == (409, "second-factor-not-begun")


def test_a_login_with_the_old_authenticator_gives_the_new_one_no_more_time(app: Flask, client: FlaskClient) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        tenant = sign_up(app, is_ready=False)
        old = tenant.second_factor()
        begun = tenant.post(FACTOR, {"password": PASSWORD, "code": old.code()})
        new = Authenticator(begun.json["secret"])
        time.shift(dt.timedelta(minutes=6))
        assert login(client, tenant.email, code=old.code()).status_code == 200
        time.shift(dt.timedelta(minutes=4, seconds=1))
        answer = tenant.post(f"{FACTOR}/verify", {"code": new.code()})
        assert told(answer) == (409, "second-factor-not-begun")


def test_a_right_password_without_its_code_is_noted(client: FlaskClient, tenant: Tenant) -> None:
    tenant.second_factor()
    answer = login(client, tenant.email)
    assert (answer.status_code, answer.json["code"]) == (401, "second-factor-required")
    assert actions(tenant, "login.code_required") == 1
    refused = login(client, tenant.email, code="000000")
    assert refused.json["code"] == "second-factor-refused"
    told = tenant.get("/v1/audit-log?action=login.refused").json["data"]
    assert [(one["actor"]["type"], one["data"]) for one in told] == [("system", {"reason": "wrong code"})]
