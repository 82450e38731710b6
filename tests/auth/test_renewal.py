"""Hashes of an older cost: they tell nobody by their time, and are made anew with the first good password."""

from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask
from flask.testing import FlaskClient

from billing_api.auth import passwords
from billing_api.auth.models import User
from billing_api.database import enter, find, transaction
from tests.factories import FACTOR, PASSWORD, Tenant, login

NEW = "a ladder of nine green moons"
OLD, TODAY = PasswordHasher(2, 8, 1), PasswordHasher(3, 8, 1)


@pytest.fixture(autouse=True)
def _three_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", TODAY)
    monkeypatch.setattr(passwords, "_nobody", TODAY.hash("nobody"))


def stored(app: Flask, tenant: Tenant, password_hash: str | None = None) -> tuple[str, int, Any]:
    """What is kept of the user, with another hash where one is given."""
    with app.app_context(), transaction():
        enter(tenant.organization_id)
        user = find(User, tenant.user_id, lock=True)
        user.password_hash = password_hash or user.password_hash
        return user.password_hash, user.version, user.updated_at


@pytest.fixture
def old(app: Flask, tenant: Tenant) -> Tenant:
    """A user whose hash has two passes."""
    stored(app, tenant, OLD.hash(PASSWORD))
    return tenant


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The passes of every run of Argon2."""
    run: list[int] = []
    make, verify = PasswordHasher.hash, PasswordHasher.verify

    def making(self: PasswordHasher, password: str, **given: Any) -> str:
        run.append(self.time_cost)
        return make(self, password, **given)

    def verifying(self: PasswordHasher, stored: str, password: str) -> bool:
        if stored.startswith("$argon2"):
            run.append(extract_parameters(stored).time_cost)
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "hash", making)
    monkeypatch.setattr(PasswordHasher, "verify", verifying)
    return run


@pytest.mark.parametrize("by", ["login", "confirmation"])
def test_an_old_hash_is_renewed_by_the_first_good_password(
    app: Flask, client: FlaskClient, old: Tenant, passes: list[int], by: str
) -> None:
    before = stored(app, old)
    if by == "login":
        assert login(client, old.email).status_code == 200
    else:
        assert old.post(FACTOR, {"password": PASSWORD}).status_code < 300
    after = stored(app, old)
    assert not TODAY.check_needs_rehash(after[0])
    assert TODAY.verify(after[0], PASSWORD)
    assert after[1:] == before[1:], "nobody's If-Match fails for it"
    passes.clear()
    assert login(client, old.email).status_code == 200
    assert (passes, stored(app, old)) == ([3], after)


def test_a_wrong_password_renews_nothing(app: Flask, client: FlaskClient, old: Tenant) -> None:
    before = stored(app, old)
    assert login(client, old.email, "another long password").status_code == 401
    assert old.post(FACTOR, {"password": "another"}).status_code == 422
    assert stored(app, old) == before


@pytest.mark.parametrize("by", ["login", "confirmation"])
def test_a_password_that_was_changed_meanwhile_stays(
    app: Flask, client: FlaskClient, old: Tenant, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    renewed, new = passwords.renewed, TODAY.hash(NEW)

    def and_meanwhile(present: str, password: str) -> str | None:
        stored(app, old, new)
        return renewed(present, password)

    monkeypatch.setattr(passwords, "renewed", and_meanwhile)
    if by == "login":
        assert login(client, old.email).status_code == 401
    else:
        assert old.post(FACTOR, {"password": PASSWORD}).status_code == 422
    assert stored(app, old)[0] == new


def test_of_two_logins_at_once_none_takes_the_other_for_a_new_password(
    app: Flask, client: FlaskClient, old: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = passwords.renewed

    def and_meanwhile(present: str, password: str) -> str | None:
        monkeypatch.setattr(passwords, "renewed", renewed)
        assert login(app.test_client(), old.email).status_code == 200
        return renewed(present, password)

    monkeypatch.setattr(passwords, "renewed", and_meanwhile)
    assert login(client, old.email).status_code == 200


@pytest.mark.parametrize("of", [1, 2, 3, None], ids=["one pass", "two", "three", "none that can be read"])
def test_a_wrong_password_costs_as_many_passes_as_nobody(
    app: Flask, client: FlaskClient, tenant: Tenant, passes: list[int], of: int | None
) -> None:
    stored(app, tenant, PasswordHasher(of, 8, 1).hash(PASSWORD) if of else "!")
    passes.clear()
    assert login(client, tenant.email, "another long password").status_code == 401
    somebody = sum(passes)
    passes.clear()
    assert login(client, f"nobody.{tenant.email}").status_code == 401
    assert somebody == sum(passes) == 3


def test_of_who_is_disabled_a_right_password_costs_no_more(
    app: Flask, client: FlaskClient, tenant: Tenant, passes: list[int]
) -> None:
    disabled = tenant.colleague("viewer", status="disabled")
    stored(app, disabled, OLD.hash(PASSWORD))
    passes.clear()
    assert login(client, disabled.email).status_code == 401
    assert sum(passes) == 3
