"""What all tests stand on: a real PostgreSQL of their own, the application on it, and tenants that know no other.

Each test makes its own organization and commits for real; nothing is undone, because tenancy isolates.
"""

import gc
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy.engine import make_url

from billing_api import create_app
from billing_api.auth import passwords
from billing_api.embedded import Addresses, throw_away
from config import Config, driver_url
from tests import kept
from tests.factories import PASSWORD, Tenant, sign_up
from tests.live_service import LiveService, serving
from tests.met import Met
from tests.races import Ledger
from tests.schema import scratch
from tests.spoilt import broken


def pytest_collection_finish() -> None:
    """What has been loaded and collected stays: to look through it for garbage is a twentieth of the time of a run."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A slow test has half an hour, unless it says otherwise: at full numbers two minutes are none."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session", autouse=True)
def _hasty_passwords() -> Iterator[None]:
    """Thousands of organizations sign up in these tests: hashing at full strength would be a fifth of their time, and
    their one password need not be judged each time."""
    hasty = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    judged = passwords._judged

    def judge(password: str, words: list[str]) -> tuple[int, str]:
        return (passwords._FEWEST_GUESSES, "") if password == PASSWORD else judged(password, words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", hasty)
        patch.setattr(passwords, "_judged", judge)
        patch.setattr(passwords, "_nobody", hasty.hash("the password of a user who does not exist"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _compared_with_what_is_kept() -> Iterator[None]:
    with kept.compared():
        yield


@pytest.fixture(autouse=True)
def _nothing_stale() -> Iterator[None]:
    """No test sees what is not true any more."""
    yield
    assert kept.stale() == []


@pytest.fixture(scope="session")
def addresses() -> Iterator[Addresses]:
    """A server that is thrown away, or a database made for this run on the one that TEST_DATABASE_URL names."""
    given = os.environ.get("TEST_DATABASE_URL")
    with borrowed(given) if given else throw_away() as found:
        yield found


@contextmanager
def borrowed(url: str) -> Iterator[Addresses]:
    """A database and two roles of our own on a server whose superuser the address names; gone afterwards."""
    superuser = make_url(driver_url(url))
    name, secret = f"billing_test_{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    roles = {"owner": f"{name}_owner", "service": f"{name}_service"}

    def run(*statements: str, database: str | None = None) -> None:
        target = superuser.set(drivername="postgresql", database=database or superuser.database)
        connection = psycopg2.connect(target.render_as_string(hide_password=False))
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)
        connection.close()

    run(
        f"CREATE ROLE {roles['owner']} LOGIN BYPASSRLS PASSWORD '{secret}'",
        f"CREATE ROLE {roles['service']} LOGIN PASSWORD '{secret}'",
        f"CREATE DATABASE {name} OWNER {roles['owner']}",
    )
    found = {role: superuser.set(username=user, password=secret, database=name) for role, user in roles.items()}
    text = {role: address.render_as_string(hide_password=False) for role, address in found.items()}
    own = superuser.set(database=name).render_as_string(hide_password=False)
    try:
        yield Addresses(
            service=text["service"], owner=text["owner"], superuser=own, port=superuser.port or 5432, data=Path()
        )
    finally:
        run(f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {roles['service']}", f"DROP ROLE {roles['owner']}")


@pytest.fixture(scope="session")
def config(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config.from_env(
        {
            "BILLING_ENV": "test",
            "INSTANCE": str(tmp_path_factory.mktemp("instance")),
            "DATABASE_URL": addresses.service,
            "MIGRATION_DATABASE_URL": addresses.owner,
            "BILLING_CORS_ORIGINS": "https://app.example.com",
            # The tests are one address.
            "BILLING_RATE_LIMIT_ADDRESS": "1000000",
            "BILLING_RATE_LIMIT": "1000000",
        }
    )


@pytest.fixture(scope="session")
def migrated(config: Config, addresses: Addresses) -> Iterator[tuple[Flask, str]]:
    """The application, and the name of a copy of its database at its newest, made before anybody used it."""
    app = create_app(config)
    with app.app_context():
        upgrade()
    with scratch(addresses, str(make_url(addresses.owner).database)) as copy:
        yield app, str(make_url(copy.owner).database)


@pytest.fixture(scope="session")
def app(migrated: tuple[Flask, str], addresses: Addresses) -> Iterator[Flask]:
    """The application; what the tests leave behind in its database must keep every invariant, and each refusal that
    they met is one that the document names for its operation."""
    with Met(migrated[0]) as met:
        yield migrated[0]
    if left := [*broken(addresses.owner), *met.untold()]:
        pytest.fail("\n".join(left), pytrace=False)


@pytest.fixture(scope="session")
def newest(migrated: tuple[Flask, str]) -> str:
    """What a scratch database at its newest is copied from: to take all steps lasts ten times as long."""
    return migrated[1]


@pytest.fixture(scope="session")
def live(config: Config, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """The service as it runs for real; to start it takes as long as a hundred tests."""
    with serving(config, tmp_path_factory.mktemp("service") / "log") as service:
        yield service


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without a credential."""
    return app.test_client()


@pytest.fixture
def tenant(app: Flask) -> Tenant:
    """The owner of a new organization, which has all that an invoice needs of its seller."""
    return sign_up(app)


@pytest.fixture
def other(app: Flask) -> Tenant:
    """The owner of another organization."""
    return sign_up(app)


@pytest.fixture
def ledger(addresses: Addresses, tenant: Tenant) -> Ledger:
    """The tenant's numbers and events as they stand in the database."""
    return Ledger(addresses.owner, tenant)
