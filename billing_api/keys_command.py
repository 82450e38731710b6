"""`billing-api keys`: the keys that sign access tokens, exchanged while the service runs."""

import datetime as dt
import os
from pathlib import Path

import click

from billing_api import clock, keys
from config import Config

LEAD_SECONDS = 600
"""Twice as long as others may keep the published keys."""
SPARE = dt.timedelta(minutes=5)
"""For clocks that differ, beyond the life of the last token that a key has signed."""


@click.group("keys")
def commands() -> None:
    """The keys that sign access tokens: a folder of PEM files, BILLING_JWT_KEYS. Running services see what changes."""


@commands.command()
@click.option(
    "--lead",
    "lead_seconds",
    default=LEAD_SECONDS,
    show_default=True,
    type=click.IntRange(0, 30 * 86_400),
    help="Seconds from now on which the new key begins to sign; it is published at once.",
)
def rotate(lead_seconds: int) -> None:
    """Make a key that signs from soon on, and remove those whose tokens have all expired.

    Until then the old key goes on signing, so that whoever verifies tokens has the new key before its first token
    comes; afterwards it goes on verifying, until the last token that it signed has expired. While a key is still
    waiting for its time, no other is made: run it from a timer as often as you like.
    """
    config = Config.from_env(os.environ)
    folder = config.jwt_keys
    owner = _owner_of(folder)
    keys.make_first(folder, owner)
    # Who cannot read the keys that are there is not the user of the service, who could not read theirs.
    keys.read_all(folder)
    for path in _retired(folder, dt.timedelta(seconds=config.access_token_seconds)):
        path.unlink()
        click.echo(f"Removed {path.name}: the last token that it signed has expired")
    now = clock.now()
    starts = now + dt.timedelta(seconds=lead_seconds)
    # One that would come later than is asked for now is not waited for: the present one may have leaked.
    waiting = [kid for kid in _kids(folder) if now < keys.starts_at(kid) <= starts]
    if waiting:
        click.echo(f"{waiting[0]}.pem begins to sign at {keys.starts_at(waiting[0]):%H:%M:%S} UTC; no other is made")
        return
    keys.make(folder / f"{keys.named(starts)}.pem", owner)
    click.echo(f"Made {keys.named(starts)}.pem, which signs from {starts:%Y-%m-%d %H:%M:%S} UTC on")


def _owner_of(folder: Path) -> keys.Owner | None:
    """Whom root makes a key for: the owner of the folder, as whom the service runs. Nobody else can give files away."""
    if os.geteuid() != 0 or not folder.exists():
        return None
    found = folder.stat()
    return (found.st_uid, found.st_gid) if found.st_uid else None


def _kids(folder: Path) -> list[str]:
    """The keys of the folder, the one that signs first before the others."""
    return sorted((path.stem for path in folder.glob("*.pem")), key=lambda kid: (keys.starts_at(kid), kid))


def _retired(folder: Path, lifetime: dt.timedelta) -> list[Path]:
    """Keys that another has relieved for so long that no token of theirs can be good any more. When a key without a
    date in its name came, nobody knows."""
    now, retired = clock.now(), []
    kids = _kids(folder)
    for number, kid in enumerate(kids):
        times = [starts for later in kids[number + 1 :] if (starts := keys.starts_at(later)) > keys.BEFORE_ALL]
        if times and times[0] + lifetime + SPARE < now:
            retired.append(folder / f"{kid}.pem")
    return retired
