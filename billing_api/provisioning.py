"""Bring the database to where the service can use it: reach it, migrate it, lend it to a command."""

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import psycopg2
import psycopg2.errors
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.engine import make_url

from billing_api.deadline import limited_waits
from billing_api.embedded import Addresses, EmbeddedPostgres, attach
from billing_api.postgres_cluster import connect, one_line
from billing_api.role_check import check_connection
from config import ROOT, Config

MIGRATIONS = ROOT / "migrations"
PATIENCE_SECONDS = 5.0
"""How long a database given by its address may take to answer; an orchestrator starts us again afterwards."""

_PASSWORD = re.compile(r"(//[^\s:/@]*):[^\s@]*@")


class DatabaseAway(Exception):
    """The database that the settings name does not answer; the message is one line without its password."""


def located(config: Config, addresses: Addresses) -> Config:
    """The settings with the addresses of the embedded server filled in."""
    return replace(config, database_url=addresses.service, migration_database_url=addresses.owner)


def owner_url(config: Config) -> str:
    """The address that migrations use.

    Raises:
        DatabaseAway: the settings name no database.
    """
    url = config.migration_database_url or config.database_url
    if url is None:
        raise DatabaseAway("no database is named: set DATABASE_URL")
    return url


def await_database(url: str, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until a server answers at the address and lets us in.

    Raises:
        DatabaseAway: it does not in that time, or refuses us.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connect(url).close()
        except psycopg2.Error as error:
            # A server that starts, or is not there yet, is waited for; one that refuses us will go on refusing.
            refused = "authentication failed" in str(error) or "does not exist" in str(error)
            if refused or time.monotonic() > deadline:
                raise DatabaseAway(_complaint(url, error)) from None
            time.sleep(0.2)
        else:
            return


def check_role(config: Config) -> None:
    """Refuse a role for which the wall between tenants does not stand; a silent database cannot hold this up.

    Raises:
        UnsafeRole: with what to do about it.
        DatabaseAway: the database does not answer.
    """
    url = config.database_url
    if url is None:
        return
    try:
        with limited_waits(), closing(connect(url)) as connection:
            check_connection(connection, is_production=config.is_production)
    except psycopg2.OperationalError as error:
        raise DatabaseAway(_complaint(url, error)) from None


@contextmanager
def lent(config: Config) -> Iterator[Config]:
    """The settings with a database that runs: the given one, the one that `serve` runs now, or one for the while."""
    if config.database_url is not None:
        await_database(owner_url(config))
        yield config
    elif addresses := attach(config.instance):
        yield located(config, addresses)
    else:
        server = EmbeddedPostgres(config.instance)
        try:
            yield located(config, server.start())
        finally:
            server.stop()


def is_migrated(config: Config) -> bool:
    """Whether the database is where the migrations end; asked directly, in milliseconds, for a quick start."""
    return standing_at(owner_url(config)) == set(ScriptDirectory(str(MIGRATIONS)).get_heads())


def standing_at(url: str) -> set[str]:
    """The migration at which the database stands, as Alembic's set of them; empty before the first."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        if not _exists(cursor, "alembic_version"):
            return set()
        cursor.execute("SELECT version_num FROM alembic_version")
        return {str(row[0]) for row in cursor}


def may_hold_issued(url: str) -> bool:
    """Whether there are issued invoices; true also for a role that is not shown all rows and cannot tell."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        if not _exists(cursor, "invoices"):
            return False
        # Refused is better than an empty answer that policies made empty.
        cursor.execute("SET row_security = off")
        try:
            cursor.execute("SELECT EXISTS (SELECT FROM invoices WHERE number IS NOT NULL)")
        except psycopg2.errors.InsufficientPrivilege:
            return True
        return cursor.fetchone() == (True,)


def migrate(app: Flask) -> None:
    """Apply the migrations that are missing, as the owner (the application's own settings say where)."""
    with app.app_context():
        upgrade(directory=str(MIGRATIONS))


def _exists(cursor: Any, table: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
    return bool(cursor.fetchone() == (True,))


def _complaint(url: str, error: Exception) -> str:
    parsed = make_url(url)
    reason = one_line(error).removesuffix(" Is the server running on that host and accepting TCP/IP connections?")
    # Only where it stands in an address: a short password is part of many words.
    reason = _PASSWORD.sub(r"\1:***@", reason)
    place = f"{parsed.host or 'localhost'}:{parsed.port or 5432}/{parsed.database or ''}"
    return f"the database at {place} cannot be reached: {reason}"
