"""The `billing-api` command: run the service, migrate its database, fill it with a sample, speak of its interface."""

import dataclasses
import datetime as dt
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import psycopg2
from click.core import ParameterSource
from flask import Flask, current_app
from flask.cli import ScriptInfo, with_appcontext
from flask_migrate.cli import db
from sqlalchemy.exc import OperationalError

from billing_api import checking, create_app, demo
from billing_api.auth import service as auth
from billing_api.database import transaction
from billing_api.embedded import EmbeddedError
from billing_api.errors import BillingError
from billing_api.import_command import imports
from billing_api.keys_command import commands as keys
from billing_api.organization_command import organizations
from billing_api.postgres_cluster import one_line
from billing_api.provisioning import DatabaseAway, lent, may_hold_issued, standing_at
from billing_api.role_check import UnsafeRole
from billing_api.serving import ServingError
from billing_api.serving import serve as run_service
from billing_api.web import tokens
from billing_api.worker import work
from config import Config, ConfigError

UNUSED_DATABASE = "postgresql+psycopg2://nobody@127.0.0.1:1/none"
"""For the commands that need an application and never speak to its database."""


def main() -> None:
    """The console script. Exit codes: 1 when it did not work, 2 when the settings or the call are wrong."""
    try:
        commands(prog_name="billing-api")
    except ConfigError as error:
        for fault in error.faults:
            click.echo(f"billing-api: {fault}", err=True)
        sys.exit(2)
    except (EmbeddedError, DatabaseAway, ServingError, UnsafeRole) as error:
        sys.exit(f"billing-api: {error}")
    except BillingError as error:
        sys.exit(f"billing-api: {one_line(error) or error.title}")
    except OperationalError as error:
        sys.exit(f"billing-api: the database refuses: {one_line(error.orig or error)}")
    except psycopg2.Error as error:
        sys.exit(f"billing-api: the database refuses: {one_line(error)}")


@click.group()
@click.pass_context
def commands(context: click.Context) -> None:
    """A billing service. Settings come from the environment; `.env.example` lists them."""
    context.obj = ScriptInfo(create_app=_open_app)


def _parent(_context: click.Context, _option: click.Parameter, pid: int | None) -> int | None:
    return os.getppid() if pid == -1 else pid


_die_with_parent = click.option(
    "--die-with-parent",
    "parent",
    is_flag=False,
    flag_value=-1,
    type=int,
    metavar="[PID]",
    callback=_parent,
    help="Stop when the process that started this one ends, in whatever way it does.",
)


@commands.command()
@_die_with_parent
@click.option(
    "--worker/--no-worker",
    "with_worker",
    default=None,
    help="Run a worker beside it, which is started again when it ends; in development unless told otherwise.",
)
def serve(parent: int | None, with_worker: bool | None) -> None:
    """Run the service, with a private PostgreSQL unless DATABASE_URL is set."""
    sys.exit(run_service(Config.from_env(os.environ), parent=parent, with_worker=with_worker))


@commands.command()
@_die_with_parent
@click.option("--once", is_flag=True, help="Do what is to be done now, and end.")
@with_appcontext
def worker(parent: int | None, once: bool) -> None:
    """Send mails, and delete what is over: stored replies, sessions, mails. Several may run at once."""
    work(_app(), once=once, parent=parent)


@commands.command()
@with_appcontext
def seed() -> None:
    """Make the demo data, unless they exist."""
    sample = demo.ensure(_app())
    click.echo(f"{sample.email}  {sample.password}")


@commands.command()
@click.option("--email", help="The user whom the token is for; the demo user, where it is no production.")
@with_appcontext
def token(email: str | None) -> None:
    """Print an access token for a user, without their password."""
    if email is None:
        if current_app.config["BILLING_ENV"] == "production":
            raise click.UsageError("--email is needed in production")
        email = demo.EMAIL
    lifetime = dt.timedelta(seconds=current_app.config["BILLING_REFRESH_TOKEN_SECONDS"])
    with transaction():
        grant = auth.open_session(email, lifetime)
        user = grant.user
        text = tokens.mint(user.organization_id, user.id, grant.session.id, grant.role)
    # The service refuses a token of another issuer, and does not say why.
    issuer = current_app.config["BILLING_PUBLIC_URL"]
    click.echo(f"For the service at {issuer}; PORT or BILLING_PUBLIC_URL names another", err=True)
    click.echo(text)


@commands.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; the screen otherwise.")
def openapi(output: Path | None) -> None:
    """Print the OpenAPI document. It needs no database."""
    config = Config.from_env(os.environ)
    app = create_app(dataclasses.replace(config, database_url=config.database_url or UNUSED_DATABASE))
    with app.app_context():
        text = json.dumps(app.extensions["api"].document, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@with_appcontext
def check(as_json: bool) -> None:
    """Look for anything in the books and documents that breaks an invariant. It changes nothing.

    As the owner, who sees all tenants. Exit code 1 when anything is broken.
    """
    begun = time.monotonic()
    try:
        breaches, count = checking.check(current_app.config["BILLING_MIGRATION_DATABASE_URL"])
    except checking.SeesTooLittle as error:
        raise click.UsageError(str(error)) from None
    seconds = round(time.monotonic() - begun, 1)
    if as_json:
        found = [dataclasses.asdict(breach) for breach in breaches]
        click.echo(json.dumps({"invariants": count, "seconds": seconds, "broken": found}, indent=2, default=str))
    else:
        for breach in breaches:
            click.echo(breach)
        if not breaches:
            click.echo(f"All {count} invariants hold ({seconds} s)")
    sys.exit(1 if breaches else 0)


commands.add_command(imports)
commands.add_command(keys)
commands.add_command(organizations)


@click.pass_context
def _upgrade(context: click.Context, /, **words: Any) -> None:
    url = current_app.config["BILLING_MIGRATION_DATABASE_URL"]
    before = _revision(url)
    context.invoke(db.commands["upgrade"], **words)
    if not words["sql"]:
        after = _revision(url)
        click.echo(f"Upgraded from {before} to {after}" if before != after else f"Nothing to do: it stands at {after}")


@click.pass_context
def _downgrade(context: click.Context, /, yes: bool, **words: Any) -> None:
    url = current_app.config["BILLING_MIGRATION_DATABASE_URL"]
    if not (yes or words["sql"]):
        if may_hold_issued(url):
            sys.exit(
                "billing-api: the database holds issued invoices, or hides from this role whether it does; "
                "a downgrade may destroy them, --yes does it"
            )
        if context.get_parameter_source("revision") is ParameterSource.DEFAULT:
            sys.exit("billing-api: name the revision to go down to, or give --yes for one step")
    before = _revision(url)
    context.invoke(db.commands["downgrade"], **words)
    if not words["sql"]:
        click.echo(f"Downgraded from {before} to {_revision(url)}")


def _revision(url: str) -> str:
    return ", ".join(sorted(standing_at(url))) or "nothing"


def _wrapped(name: str, callback: Callable[..., None], *options: click.Option) -> click.Command:
    """A command of Flask-Migrate with its own options and help, and what we do around it."""
    inner = db.commands[name]
    return click.Command(name, params=[*inner.params, *options], help=inner.help, callback=callback)


_YES = click.Option(["--yes"], is_flag=True, help="Go down although something may be lost.")
_MIGRATIONS = {"upgrade": _wrapped("upgrade", _upgrade), "downgrade": _wrapped("downgrade", _downgrade, _YES)}
commands.add_command(
    click.Group("db", params=db.params, help=db.help, callback=db.callback, commands={**db.commands, **_MIGRATIONS})
)


def _open_app() -> Flask:
    """The application, with a database that is there until the command ends."""
    root = click.get_current_context().find_root()
    return create_app(root.with_resource(lent(Config.from_env(os.environ))))


def _app() -> Flask:
    # `demo.ensure` opens contexts of its own, so it is given the application and not the proxy of this context.
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]  # werkzeug's documented way
