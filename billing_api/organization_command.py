"""`billing-api organizations`: what only the operator of the service may do with an organization."""

import uuid

import click
from flask.cli import with_appcontext

from billing_api.auth import service as auth
from billing_api.database import enter, transaction
from billing_api.organizations import service

NAMED = click.option(
    "--organization", required=True, metavar="ID|EMAIL", help="Its id, or the e-mail address of one of its users."
)


def named(text: str) -> uuid.UUID:
    """The id of the organization that somebody means. Raises NotFound."""
    try:
        return uuid.UUID(text)
    except ValueError:
        with transaction():
            return auth.employer_of(text)


@click.group()
def organizations() -> None:
    """Open a closed organization again."""


@organizations.command()
@NAMED
@with_appcontext
def reopen(organization: str) -> None:
    """Open an organization that its owner has closed; one that is open stays so.

    Users log in as before. Sessions and keys that were good when it was closed, and have not expired, are good again.
    """
    with transaction():
        enter(named(organization))
        name = service.reopen().name
    click.echo(f"{name} is open")
