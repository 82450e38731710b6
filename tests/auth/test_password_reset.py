"""A forgotten password: a mail to the known address, a token that works once, and answers that tell nobody apart."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api import clock
from billing_api.auth import lockout, resets
from billing_api.embedded import Addresses
from tests import sharing
from tests.factories import PASSWORD, Tenant, letters, login, mailed, refresh
from tests.schema import connected
from tests.statements import recorded

shared = sharing.tenant
DOOR = "/v1/auth/password-reset"
NEW = "a ladder of nine green moons"


def ask(client: FlaskClient, email: str, **headers: str) -> TestResponse:
    return client.post(DOOR, json={"email": email}, headers=headers)


def confirm(client: FlaskClient, token: str, password: str = NEW) -> TestResponse:
    return client.post(f"{DOOR}/confirm", json={"token": token, "password": password})


def test_a_forgotten_password_is_set_anew_and_ends_all_sessions(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("accountant")
    assert ask(client, person.email.upper()).status_code == 202
    (letter,) = letters(shared, person.email)
    assert letter["subject"] == "Set a new password"
    assert person.get("/v1/me").status_code == 200, "to ask for it changes nothing"
    assert confirm(client, mailed(shared, person.email)).status_code == 204
    assert person.get("/v1/me").status_code == 401
    assert refresh(client, person.refresh_token).status_code == 401
    assert login(client, person.email, PASSWORD).status_code == 401
    assert login(client, person.email, NEW).status_code == 200
    noted = shared.get(f"/v1/audit-log?object_id={person.user_id}").json["data"]
    assert "user.password_reset" in {one["action"] for one in noted}


@pytest.fixture
def people(shared: Tenant, other: Tenant) -> dict[str, str]:
    """An address of each kind."""
    closed = other.colleague("viewer").email
    assert other.post("/v1/organization/close", {"name": "Analytical Engines"}).status_code == 200
    return {
        "known": shared.colleague("viewer").email,
        "unknown": "nobody-at-all@example.com",
        "disabled": shared.colleague("viewer", "disabled").email,
        "closed": closed,
        "malformed": "not an address, \r\n<at@all>",
    }


def test_every_address_is_answered_alike_and_asks_as_much_of_the_database(
    app: Flask, client: FlaskClient, shared: Tenant, other: Tenant, people: dict[str, str]
) -> None:
    answers, statements = {}, {}
    for who, email in people.items():
        with recorded(app) as sent:
            answers[who] = ask(client, email)
        statements[who] = len(sent)
    assert {(answer.status_code, answer.data) for answer in answers.values()} == {(202, answers["known"].data)}
    assert len({tuple(sorted(answer.headers.keys())) for answer in answers.values()}) == 1
    assert len(set(statements.values())) == 1, statements
    mails = {who: len(letters(shared, email) + letters(other, email)) for who, email in people.items()}
    assert mails == {"known": 1, "unknown": 0, "disabled": 0, "closed": 0, "malformed": 0}


def test_the_mail_goes_to_the_address_that_is_kept_and_leads_to_no_host_of_a_request(
    app: Flask, client: FlaskClient, shared: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = shared.colleague("viewer")
    typed = person.email.replace("example.com", "EXAMPLE.com")
    assert ask(client, typed, Host="evil.example.com").status_code == 202
    (letter,) = letters(shared, person.email)
    assert letters(shared, typed) == []
    assert "://" not in letter["text"]
    monkeypatch.setitem(app.config, "BILLING_APP_URL", "https://app.example.com")
    ask(client, typed, Host="evil.example.com")
    assert (
        f"\nhttps://app.example.com/reset-password#token={mailed(shared, person.email)}\n"
        in (letters(shared, person.email)[-1]["text"])
    )


def test_a_letter_that_only_looks_alike_makes_another_address(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    assert ask(client, person.email.replace("user", "u\u0455er")).status_code == 202
    assert letters(shared, person.email) == []


def test_an_early_answer_for_nobody_would_be_noticed(
    app: Flask, client: FlaskClient, shared: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test of the statements does not sleep."""
    request, counts = resets.request, []
    monkeypatch.setattr(resets, "request", lambda known, front_end: request(known, front_end) if known else None)
    for email in (shared.colleague("viewer").email, "nobody-at-all@example.com"):
        with recorded(app) as sent:
            ask(client, email)
        counts.append(len(sent))
    assert counts[0] != counts[1]


def test_every_token_that_is_no_good_is_refused_alike(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    tokens = {"unknown": f"pr_{'a' * 43}"}
    for name in ("replaced", "used"):
        ask(client, person.email)
        tokens[name] = mailed(shared, person.email)
    assert confirm(client, tokens["used"]).status_code == 204
    gone = shared.colleague("viewer")
    ask(client, gone.email)
    tokens["disabled"] = mailed(shared, gone.email)
    shared.patch(f"/v1/users/{gone.user_id}", {"status": "disabled"})
    changed = shared.colleague("viewer")
    ask(client, changed.email)
    tokens["changed since"] = mailed(shared, changed.email)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert changed.put("/v1/me/password", body).status_code == 200
    late = shared.colleague("viewer")
    ask(client, late.email)
    tokens["late"] = mailed(shared, late.email)
    with time_machine.travel(clock.now() + resets.LIFETIME, tick=False):
        problems = [confirm(client, tokens["late"]).json]
    problems += [confirm(client, token).json for name, token in tokens.items() if name != "late"]
    told = [{name: value for name, value in one.items() if name != "request_id"} for one in problems]
    assert all(one == told[0] for one in told)
    assert told[0]["code"] == "invalid-password-reset"
    shared.patch(f"/v1/users/{gone.user_id}", {"status": "active"})
    assert confirm(client, tokens["disabled"]).status_code == 422, "to be let in again revives no token"


def test_a_token_that_was_mailed_before_the_organization_was_closed_is_refused(
    client: FlaskClient, other: Tenant
) -> None:
    person = other.colleague("viewer")
    ask(client, person.email)
    token = mailed(other, person.email)
    assert other.post("/v1/organization/close", {"name": "Analytical Engines"}).status_code == 200
    answer = confirm(client, token)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid-password-reset")


def test_of_eight_at_once_with_one_token_one_sets_the_password(app: Flask, client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    ask(client, person.email)
    token = mailed(shared, person.email)
    texts = [f"{NEW} {n}{n}{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda text: confirm(app.test_client(), token, text).status_code, texts))
    assert sorted(told) == [204] + [422] * 7
    assert login(client, person.email, texts[told.index(204)]).status_code == 200


def test_three_mails_an_hour_go_to_an_address_and_the_last_token_stays_good(
    app: Flask, client: FlaskClient, shared: Tenant
) -> None:
    person = shared.colleague("viewer")
    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(lambda _: ask(app.test_client(), person.email).status_code, range(8)))
    assert told == {202}
    assert len(letters(shared, person.email)) == resets.MOST
    with time_machine.travel(clock.now() + resets.WITHIN + dt.timedelta(seconds=1), tick=False):
        ask(client, person.email)
    assert len(letters(shared, person.email)) == resets.MOST + 1


def test_the_limit_spares_the_token_that_was_mailed(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    for _ in range(resets.MOST + 2):
        ask(client, person.email)
    assert confirm(client, mailed(shared, person.email)).status_code == 204


def test_a_new_password_opens_an_address_that_was_closed(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    for _ in range(lockout.WINDOW.most):
        login(client, person.email, "wrong")
    assert login(client, person.email, PASSWORD).status_code == 429
    ask(client, person.email)
    assert confirm(client, mailed(shared, person.email)).status_code == 204
    assert login(client, person.email, NEW).status_code == 200


def test_a_new_password_opens_what_was_closed_to_who_is_logged_in(client: FlaskClient, shared: Tenant) -> None:
    """Whoever has forgotten it guesses there too, and will have to give the new one there."""
    person = shared.colleague("viewer")
    wrong = {"current_password": "wrong", "new_password": NEW}
    told = [person.put("/v1/me/password", wrong).status_code for _ in range(lockout.WINDOW.most + 1)]
    assert told == [422] * lockout.WINDOW.most + [429]
    ask(client, person.email)
    assert confirm(client, mailed(shared, person.email)).status_code == 204
    bearer = {"Authorization": f"Bearer {login(client, person.email, NEW).json['access_token']}"}
    again = client.put("/v1/me/password", json=wrong, headers=bearer)
    assert (again.status_code, again.json["code"]) == (422, "wrong-password")


def test_the_second_factor_stays(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    device = person.second_factor()
    ask(client, person.email)
    assert confirm(client, mailed(shared, person.email)).status_code == 204
    assert login(client, person.email, NEW).json["code"] == "second-factor-required"
    body = {"email": person.email, "password": NEW, "code": device.code()}
    assert client.post("/v1/auth/login", json=body).status_code == 200


def test_a_weak_password_is_refused_and_the_token_holds_on(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    ask(client, person.email)
    token = mailed(shared, person.email)
    weak = confirm(client, token, "password1234")
    assert (weak.status_code, weak.json["code"]) == (422, "password-too-weak")
    assert confirm(client, token).status_code == 204


def test_the_present_password_is_refused_and_the_token_holds_on(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    ask(client, person.email)
    token = mailed(shared, person.email)
    same = confirm(client, token, PASSWORD)
    assert (same.status_code, same.json["code"]) == (422, "password-unchanged")
    assert [fault["pointer"] for fault in same.json["errors"]] == ["/password"]
    assert person.get("/v1/me").status_code == 200
    assert confirm(client, token).status_code == 204


def test_a_token_stands_nowhere_but_in_its_mail(
    client: FlaskClient, shared: Tenant, addresses: Addresses, capfd: pytest.CaptureFixture[str]
) -> None:
    person = shared.colleague("viewer")
    ask(client, person.email)
    token = mailed(shared, person.email)
    confirm(client, token, "short")
    confirm(client, token)
    captured = capfd.readouterr()
    assert token not in captured.out + captured.err
    with connected(addresses.owner) as cursor:
        for table in ("password_resets", "mails", "events", "audit_entries", "idempotency_keys", "login_attempts"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{token}%"])  # noqa: S608 - our own
            assert cursor.fetchone() == (0,), table


def test_without_its_end_a_token_would_work_twice(
    client: FlaskClient, shared: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the tests above do not sleep."""
    person = shared.colleague("viewer")
    ask(client, person.email)
    token = mailed(shared, person.email)
    monkeypatch.setattr(resets, "_is_good", lambda _: True)
    assert [confirm(client, token, f"{NEW} {word}").status_code for word in ("one", "two")] == [204, 204]
