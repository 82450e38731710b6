"""Secrets that everybody tries first, with which production does not start."""

import secrets

import pytest

from config import EXAMPLE_SECRET, ROOT, Config
from tests.auth.test_config import PRODUCTION, faults

TOKEN = "BILLING_METRICS_TOKEN"


@pytest.mark.parametrize("secret", [EXAMPLE_SECRET, EXAMPLE_SECRET.upper()])
def test_production_refuses_the_secret_that_stands_in_the_example(secret: str) -> None:
    assert "soon guessed" in faults(**{**PRODUCTION, "BILLING_SECRET_KEY": secret})[0]


def test_the_secret_of_the_example_file_is_the_known_one() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = [line.partition("BILLING_SECRET_KEY=")[2].strip() for line in lines if "BILLING_SECRET_KEY=" in line]
    assert given == [EXAMPLE_SECRET]


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 40,
        "ab" * 20,
        "1234567" * 8,
        "12345678901234567890123456789012",
        "abcdefghijklmnopqrstuvwxyz012345",
        "zyxwvutsrqponmlkjihgfedcba987654",
        "0123456789abcdef" * 4,
        "qwertyuiopasdfghjklzxcvbnm123456",
        "changeme" * 4,
        "kj3d82hs" * 4,
        "Password" * 5,
    ],
)
def test_production_refuses_a_secret_that_follows_a_pattern(secret: str) -> None:
    (told,) = faults(**{**PRODUCTION, "BILLING_SECRET_KEY": secret})
    assert told.startswith("BILLING_SECRET_KEY: is soon guessed")
    assert Config.from_env({"BILLING_SECRET_KEY": secret}).secret_key == secret


def test_production_takes_what_the_usual_tools_make() -> None:
    for _ in range(20):
        key = {"BILLING_SECRET_KEY": secrets.choice([secrets.token_hex(32), secrets.token_hex(16)])}
        token = {TOKEN: secrets.choice([secrets.token_hex(8), secrets.token_urlsafe(12), secrets.token_urlsafe(32)])}
        assert Config.from_env({**PRODUCTION, **key, **token}).is_production
    assert Config.from_env({**PRODUCTION, "BILLING_SECRET_KEY": secrets.token_urlsafe(5_000)}).is_production


@pytest.mark.parametrize("token", ["a", "1234567890123456", "a" * 16, "abcdefghijklmnop"])
def test_production_refuses_a_token_for_metrics_that_is_soon_guessed(token: str) -> None:
    assert [fault.partition(":")[0] for fault in faults(**PRODUCTION, BILLING_METRICS_TOKEN=token)] == [TOKEN]
    assert Config.from_env({TOKEN: token}).metrics_token == token


@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATION_DATABASE_URL"])
@pytest.mark.parametrize("password", ["postgres", "Password", "service"])
def test_production_does_not_start_with_a_default_password(name: str, password: str) -> None:
    told = faults(**{**PRODUCTION, name: f"postgresql://service:{password}@db/billing"})
    assert told == [f"{name}: has a password that everybody tries first"]


@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATION_DATABASE_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/b?user=postgres&password=postgres",
        "postgresql://service:%70ostgres@db/b",
        "postgresql://s%65rvice:service@db/b",
        "postgres://service:kT9-long@db/b?password=changeme",
    ],
)
def test_a_default_password_is_found_wherever_and_however_it_is_written(name: str, url: str) -> None:
    assert faults(**{**PRODUCTION, name: url}) == [f"{name}: has a password that everybody tries first"]


@pytest.mark.parametrize(
    "url", ["postgresql://db/b", "postgresql://postgres@db/b", "postgresql://service:kT9-postgres@db/b?sslmode=require"]
)
def test_another_password_or_none_is_taken(url: str) -> None:
    assert Config.from_env({**PRODUCTION, "DATABASE_URL": url}).is_production
