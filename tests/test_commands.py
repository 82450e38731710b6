"""The commands of `billing-api` that touch the database, as they are typed."""

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing_api import demo
from billing_api.embedded import Addresses
from config import Config
from tests.commands import Ended, typed
from tests.schema import application, connected, scratch
from tests.service_processes import environment, free_port
from tests.tenancy.conftest import furnished

Run = Callable[..., Ended]


@pytest.fixture
def there(addresses: Addresses, newest: str) -> Iterator[Addresses]:
    """A database at its newest, without a row."""
    with scratch(addresses, newest) as found:
        yield found


@pytest.fixture
def run(there: Addresses, tmp_path: Path) -> Run:
    return commands_on(there, tmp_path)


def commands_on(there: Addresses, tmp_path: Path) -> Run:
    def run(*words: str, **more: str) -> Ended:
        urls = {"DATABASE_URL": there.service, "MIGRATION_DATABASE_URL": there.owner}
        return typed(*words, env=environment(tmp_path, free_port(), **{**urls, **more}))

    return run


def test_a_move_says_from_where_to_where_it_went_and_downwards_wants_to_know_how_far(
    addresses: Addresses, tmp_path: Path
) -> None:
    with scratch(addresses) as unused:
        run = commands_on(unused, tmp_path)
        assert run("db", "upgrade", "0003").stdout == "Upgraded from nothing to 0003\n"
        again = run("db", "upgrade", "0003")
        assert (again.returncode, again.stdout, again.stderr) == (0, "Nothing to do: it stands at 0003\n", "")
        refused = run("db", "downgrade")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == "billing-api: name the revision to go down to, or give --yes for one step\n"
        assert run("db", "downgrade", "0002").stdout == "Downgraded from 0003 to 0002\n"
        assert run("db", "downgrade", "--yes").stdout == "Downgraded from 0002 to 0001\n"


def test_a_downgrade_leaves_a_database_with_issued_invoices_alone_unless_told_twice(
    run: Run, there: Addresses, config: Config, tmp_path: Path
) -> None:
    with application(config, there, tmp_path / "app") as app:
        furnished(app)
    for url in (there.owner, there.service):
        refused = run("db", "downgrade", "0003", MIGRATION_DATABASE_URL=url)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
        assert refused.stderr.startswith("billing-api: the database holds issued invoices")
    with connected(there.owner) as cursor:
        cursor.execute("SELECT count(*) > 0 FROM invoices")
        assert cursor.fetchone() == (True,)
    assert run("db", "downgrade", "0003", "--yes").stdout.endswith(" to 0003\n")


def test_a_token_is_for_the_demo_user_unless_in_production(run: Run, tmp_path: Path) -> None:
    missing = run("token")
    assert (missing.returncode, missing.stdout, missing.stderr.count("\n")) == (1, "", 1)
    run("seed")
    printed = run("token")
    payload = printed.stdout.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["sub"]
    assert f"service at {claims['iss']}" in printed.stderr, "a service at another port would refuse it without a reason"
    production = {
        "BILLING_ENV": "production",
        "BILLING_SECRET_KEY": secrets.token_hex(32),
        "BILLING_JWT_KEYS": str(tmp_path / "keys"),
        "BILLING_PUBLIC_URL": "https://billing.example.com",
    }
    refused = run("token", **production)
    assert refused.returncode == 2
    assert "--email is needed in production" in refused.stderr
    named = run("token", "--email", demo.EMAIL, **production)
    assert (named.returncode, named.stdout.count(".")) == (0, 2)
    assert "service at https://billing.example.com" in named.stderr
