"""A token whose signature was verified once is remembered, and loses nothing of what makes it end."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
import time_machine
from flask import Flask

from billing_api import clock, keys
from config import Config
from tests.factories import Tenant, sign_up


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> "Counter[str]":
    """How often the signature of each token was verified."""
    counted: Counter[str] = Counter()
    verify = jwt.decode_complete

    def counting(token: str, *args: Any, **kwargs: Any) -> Any:
        counted[token] += 1
        return verify(token, *args, **kwargs)

    monkeypatch.setattr(jwt, "decode_complete", counting)
    return counted


def test_a_signature_is_verified_once(app: Flask, looks: "Counter[str]") -> None:
    # Later than the keys were made: a folder that has changed just now is read at each look.
    with time_machine.travel(clock.now() + dt.timedelta(hours=1), tick=False):
        one, other = sign_up(app), sign_up(app)
        for tenant in (one, other, one):
            assert tenant.get("/v1/me").json["organization"]["id"] == str(tenant.organization_id)
    assert [looks[tenant.access_token] for tenant in (one, other)] == [1, 1]


def test_what_is_no_token_of_ours_is_looked_at_each_time(app: Flask, looks: "Counter[str]") -> None:
    tenant = sign_up(app)
    assert tenant.get("/v1/me").status_code == 200
    head, body, signature = tenant.access_token.split(".")
    forged = replace(tenant, access_token=f"{head}.{body}.{signature[::-1]}")
    assert [forged.get("/v1/me").status_code for _ in range(3)] == [401, 401, 401]
    assert looks[forged.access_token] == 3


def test_it_expires(app: Flask) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        tenant = sign_up(app)
        assert tenant.get("/v1/me").status_code == 200
        claims = jwt.decode(tenant.access_token, options={"verify_signature": False})
        time.move_to(dt.datetime.fromtimestamp(claims["exp"] - 1, dt.UTC))
        assert tenant.get("/v1/me").status_code == 200
        time.shift(1)
        answer = tenant.get("/v1/me")
        assert (answer.status_code, answer.json["detail"].split(".")[0]) == (401, "The access token has expired")


def test_it_ends_with_its_session(app: Flask) -> None:
    tenant = sign_up(app)
    assert tenant.get("/v1/me").status_code == 200
    assert tenant.post("/v1/auth/logout").status_code == 204
    assert tenant.get("/v1/me").status_code == 401


def test_it_ends_with_its_key(app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = keys.load(replace(config, instance=tmp_path, jwt_keys=tmp_path / "keys"))
    monkeypatch.setitem(app.extensions, "keys", own)
    tenant = sign_up(app)
    assert tenant.get("/v1/me").status_code == 200
    # Another key under the same name, and then none.
    (tmp_path / "keys" / "0002.pem").write_bytes((tmp_path / "keys" / "0001.pem").read_bytes())
    (tmp_path / "keys" / "0001.pem").unlink()
    keys.make_first(tmp_path / "others")
    assert tenant.get("/v1/me").status_code == 401
    (tmp_path / "keys" / "0001.pem").write_bytes((tmp_path / "others" / "0001.pem").read_bytes())
    assert tenant.get("/v1/me").status_code == 401


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/invoices"])
def test_once_its_session_has_ended_nothing_is_told_of_a_body(app: Flask, path: str) -> None:
    """What makes something new takes the question along with its first statement; what is wrong before that waits for
    the answer, too."""
    tenant = sign_up(app)
    bodies = [b"{}", b"{", b'{"name": "x"}', b" " * 2**21]
    before = [app.test_client().post(path, data=body, headers=kind(tenant)).status_code for body in bodies]
    assert 401 not in before
    assert 413 in before
    assert tenant.post("/v1/auth/logout").status_code == 204
    for body in bodies:
        assert app.test_client().post(path, data=body, headers=kind(tenant)).status_code == 401


def kind(tenant: Tenant) -> dict[str, str]:
    return {**tenant.headers, "Content-Type": "application/json"}
