"""The second factor: taken up with an authenticator, asked for at each login, and laid down again."""

import base64
import datetime as dt
import functools
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import time_machine
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.auth import one_time_codes, passwords, second_factors
from billing_api.auth.models import SecondFactor, User
from tests import sharing
from tests.factories import FACTOR, PASSWORD, Authenticator, Tenant, login, told

tenant = sharing.tenant

PROOFS = [f"{FACTOR}/recovery-codes", f"{FACTOR}/disable"]
RFC_6238 = {
    59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037",
    20000000000: "65353130",
}  # fmt: skip
"""Appendix B, SHA-1; a code of six digits is the end of one of eight."""
SECRET_OF_THE_RFC = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(("second", "code"), RFC_6238.items())
def test_codes_are_those_of_rfc_6238_and_hold_one_step_either_way(second: int, code: str) -> None:
    step = second // 30
    assert one_time_codes.step_of(SECRET_OF_THE_RFC, code[2:], dt.datetime.fromtimestamp(second, dt.UTC)) == step
    for steps, found in {-2: None, -1: step, 1: step, 2: None}.items():
        at = dt.datetime.fromtimestamp(second, dt.UTC) + dt.timedelta(seconds=30 * steps)
        if at.timestamp() >= 30:
            assert one_time_codes.step_of(SECRET_OF_THE_RFC, code[2:], at) == found


def test_a_secret_has_160_bits_and_goes_to_the_authenticator_under_its_names(user: Tenant) -> None:
    answer = user.post(FACTOR, {"password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (201, FACTOR)
    secret, uri = answer.json["secret"], urlsplit(answer.json["provisioning_uri"])
    assert len(base64.b32decode(secret)) == 20
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == f"/Analytical Engines:{user.email}"
    assert parse_qs(uri.query) == {"secret": [secret], "issuer": ["Analytical Engines"]}
    assert one_time_codes.provisioning_uri(secret, "A: B", "a@b").count("%3A") == 0


def test_from_enrolment_to_a_login_with_a_code(client: FlaskClient, user: Tenant) -> None:
    unknown = {"enrolled": False, "enrolled_at": None, "recovery_codes_left": 0, "required": False}
    assert user.get(FACTOR).json == {**unknown, "links": {"self": FACTOR}}
    first = user.begin_second_factor()
    assert login(client, user.email).status_code == 200, "nothing is asked for before the first code"
    device = user.second_factor()
    assert device.secret != first.secret
    status = user.get(FACTOR).json
    assert (status["enrolled"], status["recovery_codes_left"]) == (True, 10)
    assert told(login(client, user.email)) == (401, "second-factor-required")
    assert told(login(client, user.email, code=" ")) == (401, "second-factor-required")
    assert told(login(client, user.email, code="000000")) == (401, "second-factor-refused")
    assert told(login(client, user.email, "another password", code=device.code())) == (401, "invalid-credentials")
    assert told(login(client, user.email, "another password")) == (401, "invalid-credentials")
    code = device.code()
    granted = login(client, user.email, code=f"{code[:3]} {code[3:]}")
    assert granted.status_code == 200, granted.text
    assert granted.json["scope"] != ""


def test_without_the_password_nobody_learns_of_a_second_factor(client: FlaskClient, user: Tenant) -> None:
    def seen(answer: TestResponse) -> dict[str, Any]:
        return {name: value for name, value in answer.json.items() if name != "request_id"}

    other = login(client, user.email, "another password")
    device = user.second_factor()
    codes: list[dict[str, str]] = [{}, {"code": ""}, {"code": "000000"}, {"code": device.code()}]
    wrong = [login(client, user.email, "another password", **members) for members in codes]
    assert [seen(answer) for answer in wrong] == [seen(other)] * 4


def test_a_wrong_code_is_told_and_counts_as_a_failure(client: FlaskClient, user: Tenant) -> None:
    device = user.second_factor()
    answers = [told(login(client, user.email, code="000000")) for _ in range(10)]
    assert answers == [(401, "second-factor-refused")] * 10
    assert told(login(client, user.email, code=device.code())) == (429, "too-many-attempts")


def test_each_code_is_good_once_and_those_before_it_are_not(client: FlaskClient, user: Tenant) -> None:
    device = user.second_factor()
    now, later = device.code(), device.code(1)
    assert login(client, user.email, code=now).status_code == 200
    assert told(login(client, user.email, code=now)) == (401, "second-factor-refused")
    assert login(client, user.email, code=later).status_code == 200
    assert told(login(client, user.email, code=now)) == (401, "second-factor-refused")
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2)):
        assert login(client, user.email, code=device.code()).status_code == 200


def test_the_code_of_the_enrolment_is_spent(client: FlaskClient, user: Tenant) -> None:
    device = user.begin_second_factor()
    code = device.code()
    assert user.post(f"{FACTOR}/verify", {"code": code}).status_code == 200
    assert told(login(client, user.email, code=code)) == (401, "second-factor-refused")


def test_without_the_look_at_the_last_step_a_code_works_twice(
    client: FlaskClient, user: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(_: User, factor: SecondFactor, code: str) -> None:
        assert second_factors.step_in(factor, factor.secret, code) is not None

    device = user.second_factor()
    monkeypatch.setattr(second_factors, "_take_timed", careless)
    code = device.code()
    assert [login(client, user.email, code=code).status_code for _ in range(2)] == [200, 200]


def test_a_recovery_code_works_once_however_it_is_typed(client: FlaskClient, user: Tenant) -> None:
    device = user.second_factor()
    first, second = device.recovery_codes[:2]
    assert len({*device.recovery_codes}) == 10
    assert login(client, user.email, code=f" {first.lower().replace('-', ' ')}").status_code == 200
    assert told(login(client, user.email, code=first)) == (401, "second-factor-refused")
    assert login(client, user.email, code=second).status_code == 200
    assert user.get(FACTOR).json["recovery_codes_left"] == 8


def test_anothers_codes_are_not_ones_own(client: FlaskClient, tenant: Tenant, user: Tenant) -> None:
    other = tenant.colleague("viewer").second_factor()
    user.second_factor()
    for code in (other.code(), other.recovery_codes[0]):
        assert told(login(client, user.email, code=code)) == (401, "second-factor-refused")


def test_new_recovery_codes_kill_the_old_ones(client: FlaskClient, user: Tenant) -> None:
    device = user.second_factor()
    answer = user.post(f"{FACTOR}/recovery-codes", {"password": PASSWORD, "code": device.code()})
    assert answer.status_code == 200, answer.text
    new = answer.json["recovery_codes"]
    assert not {*new} & {*device.recovery_codes}
    assert told(login(client, user.email, code=device.recovery_codes[0])) == (401, "second-factor-refused")
    assert login(client, user.email, code=new[0]).status_code == 200


def test_a_disabled_factor_is_asked_for_no_more(client: FlaskClient, user: Tenant) -> None:
    device = user.second_factor()
    assert user.post(f"{FACTOR}/disable", {"password": PASSWORD, "code": device.recovery_codes[0]}).status_code == 204
    assert user.get(FACTOR).json["enrolled"] is False
    assert login(client, user.email).status_code == 200
    assert told(user.post(f"{FACTOR}/disable", {"password": PASSWORD, "code": device.recovery_codes[1]})) == (
        409,
        "second-factor-not-enrolled",
    )


def test_another_authenticator_takes_over_when_it_is_verified(client: FlaskClient, user: Tenant) -> None:
    old = user.second_factor()
    assert told(user.post(FACTOR, {"password": PASSWORD})) == (409, "second-factor-enrolled")
    assert told(user.post(FACTOR, {"password": PASSWORD, "code": "000000"})) == (422, "wrong-code")
    begun = user.post(FACTOR, {"password": PASSWORD, "code": old.recovery_codes[0]})
    new = Authenticator(begun.json["secret"])
    assert told(login(client, user.email, code=new.code())) == (401, "second-factor-refused")
    assert login(client, user.email, code=old.code()).status_code == 200
    assert told(user.post(f"{FACTOR}/verify", {"code": old.code(1)})) == (422, "wrong-code")
    assert user.post(f"{FACTOR}/verify", {"code": new.code()}).status_code == 200
    for code in (old.code(1), old.recovery_codes[1]):
        assert told(login(client, user.email, code=code)) == (401, "second-factor-refused")
    assert login(client, user.email, code=new.code(1)).status_code == 200


@pytest.mark.parametrize("path", [FACTOR, *PROOFS])
def test_nothing_changes_without_password_and_code(user: Tenant, path: str) -> None:
    device = user.second_factor()
    for body, code in (
        ({"password": "another password", "code": device.code()}, "wrong-password"),
        ({"password": PASSWORD, "code": "000000"}, "wrong-code"),
        ({"password": PASSWORD, "code": "AAAA-AAAA-AAAA-AAAA"}, "wrong-code"),
    ):
        answer = user.post(path, body)
        assert told(answer) == (422, code)
    status = user.get(FACTOR).json
    assert (status["enrolled"], status["recovery_codes_left"]) == (True, 10)
    assert user.post(path, {"password": PASSWORD, "code": device.code()}).status_code < 300


def test_what_was_not_begun_is_not_verified(user: Tenant) -> None:
    assert told(user.post(f"{FACTOR}/verify", {"code": "000000"})) == (409, "second-factor-not-begun")
    user.begin_second_factor()
    assert told(user.post(f"{FACTOR}/verify", {"code": "000000"})) == (422, "wrong-code")
    user.second_factor()
    assert told(user.post(f"{FACTOR}/verify", {"code": "000000"})) == (409, "second-factor-enrolled")


@pytest.mark.parametrize("path", [FACTOR, *PROOFS])
def test_what_shows_secrets_is_neither_tried_nor_kept(user: Tenant, path: str) -> None:
    assert user.post(f"{path}?dry_run=true", {"password": PASSWORD, "code": "000000"}).status_code == 400


@pytest.mark.parametrize("path", [FACTOR, *PROOFS])
def test_nobody_who_is_logged_out_has_a_password_compared(
    user: Tenant, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert user.post("/v1/auth/logout").status_code == 204
    monkeypatch.setattr(passwords, "matches", None)
    assert user.post(path, {"password": PASSWORD, "code": "000000"}).status_code == 401


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every time that a password is compared."""
    seen: list[str] = []
    matches = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *given: seen.append("once") or matches(*given))
    return seen


def test_every_way_costs_one_hash(client: FlaskClient, user: Tenant, compared: list[str]) -> None:
    device = user.second_factor()
    given = [{}, {"code": "000000"}, {"code": device.code()}, {"code": "A" * 16}]
    calls = [functools.partial(login, client, user.email, **members) for members in given]
    calls += [functools.partial(user.post, path, {"password": PASSWORD, "code": "000000"}) for path in PROOFS]
    for call in calls:
        compared.clear()
        call()
        assert compared == ["once"]
