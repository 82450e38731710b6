"""The settings, and what the service refuses to start with."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from billing_api import keys
from billing_api.deadline import SILENCE_SECONDS
from config import LONGEST_STATEMENT_MS, ROOT, Config, ConfigError, _Settings

SECRET = "5ec3b1d09f7a48e26c0d93b7f41e8a5d2b6f90c7e3a1d84f5b9c06e7d2a3f184"
PRODUCTION = {
    "BILLING_ENV": "production",
    "BILLING_SECRET_KEY": SECRET,
    "BILLING_JWT_KEYS": "/run/keys",
    "BILLING_PUBLIC_URL": "https://billing.example.com",
    "DATABASE_URL": "postgresql://service:x@db/billing",
}


def faults(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Config.from_env(environ)
    return caught.value.faults


def test_nothing_at_all_is_a_good_development_configuration() -> None:
    config = Config.from_env({})
    assert (config.env, config.bind, config.port, config.database_url) == ("development", "127.0.0.1", 8000, None)
    assert not config.is_production


def test_a_whole_production_configuration_is_taken() -> None:
    config = Config.from_env(PRODUCTION)
    assert config.is_production
    assert config.database_url == "postgresql+psycopg2://service:x@db/billing"


def test_an_empty_variable_counts_as_none() -> None:
    assert Config.from_env({"PORT": "", "WORKERS": "  ", "BILLING_CORS_ORIGINS": " "}) == Config.from_env({})


def test_all_faults_are_told_at_once() -> None:
    told = faults(
        PORT="eighty",
        WORKERS="0",
        BILLING_ENV="staging",
        BILLING_THREADS="1000",
        BILLING_ACCESS_TOKEN_SECONDS="-1",
        BILLING_LOG_LEVEL="loud",
    )
    names = [fault.partition(":")[0] for fault in told]
    assert names == sorted(
        ["PORT", "WORKERS", "BILLING_ENV", "BILLING_THREADS", "BILLING_ACCESS_TOKEN_SECONDS", "BILLING_LOG_LEVEL"]
    )


def test_faults_of_addresses_and_secrets_are_told_together() -> None:
    told = faults(DATABASE_URL="mysql://x@y/z", BILLING_SECRET_KEY="short", BILLING_CORS_ORIGINS="app.example.com")
    assert [fault.partition(":")[0] for fault in told] == [
        "BILLING_CORS_ORIGINS",
        "BILLING_SECRET_KEY",
        "DATABASE_URL",
    ]


def test_faults_of_every_step_are_told_together() -> None:
    told = faults(
        PORT="x",
        DATABASE_URL="mysql://x",
        BILLING_ENV="production",
        BILLING_CORS_ORIGINS="*",
        BILLING_SECRET_KEY="short",
        BILLING_WORKERS="2",
    )
    assert [fault.partition(":")[0] for fault in told] == [
        "BILLING_CORS_ORIGINS",
        "BILLING_JWT_KEYS",
        "BILLING_PUBLIC_URL",
        "BILLING_SECRET_KEY",
        "BILLING_WORKERS",
        "DATABASE_URL",
        "PORT",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BILLING_SECRT_KEY", "BILLING_SECRET_KEY"),
        ("BILLING_PUBLIC_URI", "BILLING_PUBLIC_URL"),
        ("BILLING_PORT", "PORT"),
        ("BILLING_DATABASE_URL", "DATABASE_URL"),
    ],
)
def test_a_misspelled_setting_is_a_fault_that_names_the_nearest(name: str, meant: str) -> None:
    assert faults(**{name: "8080"}) == [f"{name}: is no setting; did you mean {meant}?"]


def test_a_name_like_no_setting_is_a_fault_too() -> None:
    assert faults(BILLING_XYZZY="1")[0].startswith("BILLING_XYZZY: is no setting")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLING_OWNER_PASSWORD", "x"),
        ("BILLING_SERVICE_PASSWORD", "x"),
        ("BILLING_SERVICE_HOST", "10.0.0.1"),
        ("BILLING_SERVICE_PORT_HTTP", "80"),
        ("BILLING_API_SERVICE_PORT", "80"),
        ("BILLING_PORT", "tcp://10.0.0.1:80"),
        ("BILLING_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("BILLING_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("BILLING_MISSPELLED", ""),
    ],
)
def test_what_compose_and_a_cluster_give_is_no_misspelling(name: str, value: str) -> None:
    assert Config.from_env({name: value}) == Config.from_env({})


@pytest.mark.parametrize(
    "url",
    [
        "x y", "billing.example.com", "ftp://billing.example.com", "https://", "https://billing.example.com/",
        "https://billing.example.com/a/", "https://billing.example.com?a=b", "https://billing.example.com/a#b",
        "https://user@billing.example.com", "https://billing.example.com:port", "https://[::1", "https://:80",
    ],
)  # fmt: skip
def test_an_address_that_links_cannot_begin_with_is_refused(url: str) -> None:
    for name in ("BILLING_PUBLIC_URL", "BILLING_APP_URL"):
        assert [fault.partition(":")[0] for fault in faults(**{name: url})] == [name]


@pytest.mark.parametrize("url", ["https://billing.example.com", "http://[::1]:8000", "https://example.com/billing/v1"])
def test_an_address_stays_as_it_was_given(url: str) -> None:
    given = Config.from_env({"BILLING_PUBLIC_URL": url, "BILLING_APP_URL": url})
    assert (given.public_url, given.app_url) == (url, url)


def test_the_limits_in_the_database_come_before_ours() -> None:
    assert LONGEST_STATEMENT_MS <= SILENCE_SECONDS * 1000 - 500
    longest = str(LONGEST_STATEMENT_MS)
    config = Config.from_env({"BILLING_STATEMENT_TIMEOUT_MS": longest, "BILLING_LOCK_TIMEOUT_MS": longest})
    assert (config.statement_timeout_ms, config.lock_timeout_ms) == (LONGEST_STATEMENT_MS, LONGEST_STATEMENT_MS)
    for name in ("BILLING_STATEMENT_TIMEOUT_MS", "BILLING_LOCK_TIMEOUT_MS"):
        assert longest in faults(**{name: str(LONGEST_STATEMENT_MS + 1)})[0]


def test_the_limit_for_locks_is_at_most_that_for_statements() -> None:
    told = faults(BILLING_STATEMENT_TIMEOUT_MS="1000", BILLING_LOCK_TIMEOUT_MS="1001")
    assert told == ["BILLING_LOCK_TIMEOUT_MS: must be at most BILLING_STATEMENT_TIMEOUT_MS, which is 1000"]
    assert Config.from_env({"BILLING_STATEMENT_TIMEOUT_MS": "1000"}).lock_timeout_ms == 1000
    assert Config.from_env({}).lock_timeout_ms == 2000


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com", "http://mail.example.com", "smtp://", "smtp://host:port", "smtp://host:0",
        "smtp://user:hunter2@x@host", "smtp://user:hunter2/x@host", "smtp://host/path", "smtp://host?hunter2=x",
        "smtp://host:25\r\nX", "smtp://[::1",
    ],
)  # fmt: skip
def test_what_is_no_mail_server_is_refused_without_its_password(url: str) -> None:
    (told,) = faults(BILLING_SMTP_URL=url)
    assert told.startswith("BILLING_SMTP_URL: must be smtp://")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "url", ["smtp://localhost", "smtps://user:p%40ss%2Fword@mail.example.com:465", "smtp://[::1]:25"]
)
def test_a_mail_server_is_taken_as_it_was_given(url: str) -> None:
    assert Config.from_env({"BILLING_SMTP_URL": url}).smtp_url == url


@pytest.mark.parametrize("sender", ["Billing", "Billing <billing>", "a@b@c", "a b@example.com", "a@exämple.com"])
def test_a_sender_is_one_address(sender: str) -> None:
    assert [fault.partition(":")[0] for fault in faults(BILLING_MAIL_FROM=sender)] == ["BILLING_MAIL_FROM"]


def test_production_asks_who_its_mails_are_from() -> None:
    told = faults(**PRODUCTION, BILLING_SMTP_URL="smtp://mail.example.com")
    assert [fault.partition(":")[0] for fault in told] == ["BILLING_MAIL_FROM"]
    given = {"BILLING_SMTP_URL": "smtp://mail.example.com", "BILLING_MAIL_FROM": "Billing <billing@example.com>"}
    assert Config.from_env({**PRODUCTION, **given}).mail_from == "Billing <billing@example.com>"


@pytest.mark.parametrize("missing", sorted(PRODUCTION.keys() - {"BILLING_ENV"}))
def test_production_asks_for_each_secret_and_address(missing: str) -> None:
    told = faults(**{name: value for name, value in PRODUCTION.items() if name != missing})
    assert [fault.partition(":")[0] for fault in told] == [missing]


def test_production_tells_all_that_it_lacks() -> None:
    told = faults(BILLING_ENV="production", BILLING_CORS_ORIGINS="*")
    assert {fault.partition(":")[0] for fault in told} == {*PRODUCTION, "BILLING_CORS_ORIGINS"} - {"BILLING_ENV"}


def test_the_example_file_names_every_setting_but_that_of_tests_and_no_other() -> None:
    names = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    settings = {str(field.data_key) for field in _Settings().fields.values()}
    assert names == settings - {"BILLING_FAULTS"} | {
        "POSTGRES_PASSWORD", "BILLING_OWNER_PASSWORD", "BILLING_SERVICE_PASSWORD", "TEST_DATABASE_URL",
    }  # fmt: skip


@pytest.mark.parametrize("env", ["development", "production"])
def test_nobody_but_a_test_lets_the_service_fail_on_purpose(env: str) -> None:
    told = faults(**{**PRODUCTION, "BILLING_ENV": env, "BILLING_FAULTS": "faults"})
    assert told == ["BILLING_FAULTS: lets the service fail on purpose; only for tests, with BILLING_ENV=test"]
    assert Config.from_env({"BILLING_ENV": "test", "BILLING_FAULTS": "faults"}).faults == "faults"


@pytest.mark.parametrize("env", ["development", "production"])
def test_a_secret_of_31_bytes_is_refused_everywhere(env: str) -> None:
    assert "32 bytes" in faults(**{**PRODUCTION, "BILLING_ENV": env, "BILLING_SECRET_KEY": SECRET[:31]})[0]


@pytest.mark.parametrize("origins", ["*", "https://app.example.com *", "https://app.example.com, *"])
def test_production_refuses_a_wildcard_among_origins(origins: str) -> None:
    assert [fault.partition(":")[0] for fault in faults(**PRODUCTION, BILLING_CORS_ORIGINS=origins)] == [
        "BILLING_CORS_ORIGINS"
    ]


@pytest.mark.parametrize("origin", ["app.example.com", "https://app.example.com/", "null", "file://x"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    assert "not an origin" in faults(BILLING_CORS_ORIGINS=origin)[0]


@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATION_DATABASE_URL"])
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_an_address_names_the_driver_however_it_was_written(name: str, scheme: str) -> None:
    config = Config.from_env({name: f"{scheme}://u:p%40ss@h:1/d"})
    assert getattr(config, name.lower()) == "postgresql+psycopg2://u:p%40ss@h:1/d"


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/d", "postgresql://u:hunter2", "postgresql://u:x@hunter2@h/d", "u:hunter2@h/d"]
)
def test_a_fault_does_not_quote_a_password(url: str) -> None:
    assert "hunter2" not in "".join(faults(DATABASE_URL=url))


@pytest.mark.parametrize("value", ["1", "true", "on"])
def test_production_does_not_start_with_debugging(value: str) -> None:
    assert faults(**PRODUCTION, FLASK_DEBUG=value)[0].startswith("FLASK_DEBUG: ")
    assert Config.from_env({**PRODUCTION, "FLASK_DEBUG": "0"}).is_production


def test_a_given_folder_without_keys_is_refused(tmp_path: Path) -> None:
    config = Config.from_env({"BILLING_JWT_KEYS": str(tmp_path), "INSTANCE": str(tmp_path)})
    with pytest.raises(ConfigError, match="holds no"):
        keys.load(config)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001.pem").write_text("-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n")
    config = Config.from_env({"BILLING_JWT_KEYS": str(tmp_path), "INSTANCE": str(tmp_path)})
    with pytest.raises(ConfigError, match="no Ed25519 private key"):
        keys.load(config)


def test_secrets_that_were_made_are_readable_by_their_owner_alone(config: Config, app: Flask) -> None:
    for path in (config.instance / "secret_key", *config.jwt_keys.glob("*.pem")):
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_key_that_is_newest_by_name_signs_and_the_old_one_still_verifies(config: Config, tmp_path: Path) -> None:
    one = keys.load(replace(config, instance=tmp_path, jwt_keys=tmp_path / "keys"))
    second = keys.load(replace(config, instance=tmp_path / "b", jwt_keys=tmp_path / "b" / "keys"))
    assert second.signer == "0001"
    (tmp_path / "keys" / "0002.pem").write_bytes((tmp_path / "b" / "keys" / "0001.pem").read_bytes())
    both = keys.load(replace(config, instance=tmp_path, jwt_keys=tmp_path / "keys"))
    assert both.signer == "0002"
    old, kept = one.signing["0001"].public_key(), both.signing["0001"].public_key()
    assert old.public_bytes_raw() == kept.public_bytes_raw()
