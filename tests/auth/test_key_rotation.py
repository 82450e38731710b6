"""Keys are exchanged while the service runs, and no good token is refused on the way."""

import datetime as dt
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask

from billing_api import clock, keys, keys_command
from billing_api.keys_command import commands
from config import ROOT, Config, ConfigError
from tests.auth.forgery import Forger
from tests.factories import Tenant, sign_up
from tests.live_service import LiveService

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def folder(config: Config, app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The service's folder of keys for one test, with a first key; what the test makes and removes is undone."""
    own = keys.load(replace(config, instance=tmp_path, jwt_keys=tmp_path / "keys"))
    monkeypatch.setitem(app.extensions, "keys", own)
    monkeypatch.setenv("BILLING_JWT_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def rotate(*words: str) -> str:
    ended = CliRunner().invoke(commands, ["rotate", *words])
    assert ended.exit_code == 0, ended.output
    return ended.output


def kid_of(tenant: Tenant) -> str:
    return str(jwt.get_unverified_header(tenant.access_token)["kid"])


def published(tenant: Tenant) -> set[str]:
    return {key["kid"] for key in tenant.client.get("/.well-known/jwks.json").json["keys"]}


def test_a_new_key_is_published_before_it_signs_and_the_old_one_verifies_after_it(app: Flask, folder: Path) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        early = sign_up(app, is_ready=False)
        assert re.match(r"Made \d{8}T\d{6}Z.pem", rotate())
        new = next(path.stem for path in folder.glob("2*.pem"))
        assert published(early) == {"0001", new}
        meanwhile = sign_up(app, is_ready=False)
        assert kid_of(meanwhile) == "0001"
        time.shift(10 * MINUTE)
        late = sign_up(app, is_ready=False)
        assert kid_of(late) == new
        assert [one.get("/v1/me").status_code for one in (early, meanwhile, late)] == [200, 200, 200]


def test_an_old_key_is_removed_when_its_last_token_has_expired_and_not_before(app: Flask, folder: Path) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        rotate()
        time.shift(10 * MINUTE + dt.timedelta(seconds=900))
        rotate()
        assert (folder / "0001.pem").exists()
        time.shift(10 * MINUTE)
        assert "Removed 0001.pem" in rotate()
        assert not (folder / "0001.pem").exists()
        assert len(list(folder.glob("*.pem"))) == 3


def test_while_a_key_waits_for_its_time_no_other_is_made(folder: Path) -> None:
    rotate()
    assert "no other is made" in rotate()
    assert len(list(folder.glob("*.pem"))) == 2


def test_a_key_that_is_wanted_at_once_waits_for_no_other(app: Flask, folder: Path) -> None:
    """The present one may have leaked."""
    rotate()
    assert rotate("--lead", "0").startswith("Made ")
    assert kid_of(sign_up(app, is_ready=False)) == min(path.stem for path in folder.glob("2*.pem"))


def test_a_key_that_was_taken_away_is_believed_no_more(app: Flask, folder: Path) -> None:
    tenant = sign_up(app, is_ready=False)
    rotate("--lead", "0")
    assert tenant.get("/v1/me").status_code == 200
    (folder / "0001.pem").unlink()
    assert tenant.get("/v1/me").status_code == 401
    assert published(tenant) == {path.stem for path in folder.glob("*.pem")}


def test_a_file_that_is_no_key_changes_nothing(app: Flask, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tenant = sign_up(app, is_ready=False)
    (folder / "0002.pem").write_text("-----BEGIN NOTHING-----")
    assert tenant.get("/v1/me").status_code == 200
    assert published(tenant) == {"0001"}
    assert "0002.pem is no Ed25519 private key" in capsys.readouterr().out


def test_a_key_that_cannot_be_read_is_named_and_no_other_is_made_beside_it(folder: Path) -> None:
    """Whoever cannot read the keys is not the user of the service, who could not read theirs."""
    (folder / "0002.pem").mkdir()
    with pytest.raises(ConfigError, match=rf"0002.pem cannot be read by user {os.geteuid()}: Is a directory"):
        keys.Keys("x" * 32, folder)
    ended = CliRunner().invoke(commands, ["rotate"])
    assert "0002.pem cannot be read" in str(ended.exception)
    assert {path.name for path in folder.iterdir()} == {"0001.pem", "0002.pem"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_that_root_makes_belongs_to_the_owner_of_the_folder(folder: Path) -> None:
    os.chown(folder, 10001, 10002)
    (folder / "0001.pem").unlink()
    rotate()
    found = [path.stat() for path in folder.glob("*.pem")]
    assert [(one.st_uid, one.st_gid, one.st_mode & 0o777) for one in found] == [(10001, 10002, 0o600)] * 2


def test_a_key_that_cannot_be_given_to_the_owner_of_the_folder_is_not_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(keys_command, "_owner_of", lambda _: (10001, 10001))
    monkeypatch.setattr(os, "fchown", refuse)
    ended = CliRunner().invoke(commands, ["rotate"])
    assert f"cannot be written by user {os.geteuid()}: Operation not permitted" in str(ended.exception)
    assert [path.name for path in folder.iterdir()] == ["0001.pem"], "nor is a part of it left"


def test_keys_that_are_all_yet_to_come_sign_all_the_same(folder: Path) -> None:
    for path in folder.glob("*.pem"):
        path.unlink()
    for days in (2, 1):
        keys.make(folder / f"{keys.named(clock.now() + dt.timedelta(days=days))}.pem")
    own = keys.Keys("x" * 32, folder)
    assert own.signer == min(own.signing)


def test_a_key_of_an_unknown_date_is_not_removed_by_another_of_an_unknown_date(folder: Path) -> None:
    keys.make(folder / "0002.pem")
    rotate()
    assert {"0001.pem", "0002.pem"} < {path.name for path in folder.glob("*.pem")}


def test_the_running_service_takes_a_new_key_without_a_restart(
    config: Config, live: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its workers; the others' tokens stay good, so that the key may stay when the test has ended."""
    monkeypatch.setenv("BILLING_JWT_KEYS", str(config.jwt_keys))
    rotate("--lead", "0")
    new = max(path.stem for path in config.jwt_keys.glob("*.pem"))
    for _ in range(8):
        assert new in str(live.send("GET", "/.well-known/jwks.json").json)


def verifier() -> str:
    """The example of the README by which another service verifies tokens."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- verifier:")[1]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1]


def verified(live: LiveService, config: Config, token: str) -> "subprocess.CompletedProcess[str]":
    settings = {"BILLING_URL": f"http://127.0.0.1:{live.port}", "BILLING_ISSUER": config.public_url}
    return subprocess.run(
        [sys.executable, "-c", verifier(), token], env=settings, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_readmes_verifier_is_short_and_takes_a_token_of_ours_and_no_other(
    app: Flask, live: LiveService, config: Config
) -> None:
    tenant = sign_up(app, is_ready=False)
    assert len([text for text in verifier().splitlines() if text]) <= 20
    good = verified(live, config, tenant.access_token)
    assert (good.returncode, good.stderr) == (0, "")
    assert str(tenant.organization_id) in good.stdout
    head, claims, signature = tenant.access_token.split(".")
    for forged in (f"{head}.{claims}.{signature[::-1]}", tenant.refresh_token, ""):
        assert verified(live, config, forged).returncode != 0


@pytest.mark.parametrize(
    ("claims", "header", "error"),
    [
        ({"exp": 1_000_000_000}, {}, "ExpiredSignatureError"),
        ({"nbf": 9_000_000_000}, {}, "ImmatureSignatureError"),
        ({"aud": "other-api"}, {}, "InvalidAudienceError"),
        ({"iss": "https://billing.example.com"}, {}, "InvalidIssuerError"),
        ({"org": None}, {}, "MissingRequiredClaimError"),
        ({}, {"typ": "JWT"}, "this is no access token"),
        ({}, {"typ": None}, "this is no access token"),
    ],
)
def test_the_readmes_verifier_refuses_what_our_own_key_has_signed_for_another_time_or_use(
    app: Flask, live: LiveService, config: Config, claims: dict[str, Any], header: dict[str, Any], error: str
) -> None:
    tenant = sign_up(app, is_ready=False)
    forger = Forger(tenant, tenant, app.extensions["keys"].signing[kid_of(tenant)])
    refused = verified(live, config, forger.signed(claims, **header))
    assert refused.returncode != 0
    assert error in refused.stderr.splitlines()[-1], "for this reason, and not for its signature"
