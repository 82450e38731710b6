"""What a transaction knows about itself: for whom it works, who asked for it, and its limits.

A thread has one unit of work at a time, in a context variable, so that models, services and the connection agree on
the tenant without handing it about.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.pool import PoolProxiedConnection

from billing_api import clock
from billing_api.statement import Statement


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: `user`, `api_key` or `system`, and which."""

    type: str
    id: uuid.UUID | None


SYSTEM = Actor("system", None)


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from: its address, and the name that its program gives itself."""

    address: str | None = None
    agent: str | None = None


NOWHERE = Client()
"""Of what nobody asked for over the network: commands, and the worker."""


@dataclass(slots=True)
class UnitOfWork:
    """What a transaction knows about itself."""

    is_read_only: bool = False
    is_dry_run: bool = False
    request_id: str | None = None
    client: Client = NOWHERE
    started_at: dt.datetime = field(default_factory=clock.now)
    """When its request came in, as far as that is known; it may have waited since for a thread."""
    actor: Actor = SYSTEM
    organization_id: uuid.UUID | None = None
    is_again: bool = False
    """Whether it is run again, and is to look at what may be in its way."""
    guard: Statement | None = None
    """A statement that refuses a credential which no longer holds; sent with the tenant."""
    is_announced: bool = False
    is_begun: bool = False
    """Whether its transaction has begun."""
    is_alone: bool = False
    """Whether the statement at hand is a transaction of its own."""
    ending: list[Any] = field(default_factory=list)
    """Statements that are sent together with the end of what is kept."""
    values_of_ending: dict[str, Any] = field(default_factory=dict)
    is_answered: bool = False
    """Whether the database has answered in this unit; what was begun is not broken off for others' silence."""
    is_limited: bool = True
    """Whether a wait for the database ends; outside of any unit, as in a migration, it does not."""
    connection: PoolProxiedConnection | None = None
    """What it was given of the pool; nothing before its first statement."""
    bound: sa.Connection | None = None
    """The same, as a session speaks through it."""

    @property
    def tenant(self) -> uuid.UUID:
        """The organization that this unit works for.

        Raises:
            LookupError: none was entered; a row without a tenant is a fault of the program.
        """
        if self.organization_id is None:
            raise LookupError("no tenant has been entered")
        return self.organization_id

    def end_with(self, statements: Sequence[Any], values: Mapping[str, Any]) -> None:
        """Send these, too, in the message that ends what is kept."""
        self.ending += statements
        self.values_of_ending.update(values)


_OUTSIDE = UnitOfWork(is_limited=False)
current: ContextVar[UnitOfWork] = ContextVar("unit_of_work", default=_OUTSIDE)


def unit() -> UnitOfWork:
    """The unit of work at hand."""
    return current.get()


def beginning(here: UnitOfWork) -> str:
    """The beginning of a transaction, where one is to begin. All statements of a read see one moment, so that no
    document is shown half changed; one that is alone, in a message with all of this, is a transaction anyway."""
    if here.is_begun or here.is_alone or here is _OUTSIDE:
        return ""
    return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " if here.is_read_only else "BEGIN; "


def settings(here: UnitOfWork) -> list[Statement]:
    """What one transaction, or one message, is told of itself: its tenant, its limits, and whose credential it is."""
    if here is _OUTSIDE:
        return []
    kept = "set_config('app.organization_id', %(entered_organization)s, true)"
    reads = ", set_config('transaction_read_only', 'on', true)" if here.is_alone else ""
    told = Statement(f"{limits()}, {kept}{reads}", {"entered_organization": str(here.organization_id or "")})
    return [told, here.guard] if here.guard else [told]


def limits() -> str:
    """How long the statements of one transaction, or of one message, may take and wait: a statement that says so."""
    config = current_app.config
    return _limits(
        config["BILLING_STATEMENT_TIMEOUT_MS"],
        config["BILLING_LOCK_TIMEOUT_MS"],
        config["BILLING_IDLE_IN_TRANSACTION_TIMEOUT_MS"],
    )


@cache
def _limits(statement_ms: int, lock_ms: int, idle_ms: int) -> str:
    limits = {
        "statement_timeout": statement_ms,
        "lock_timeout": lock_ms,
        "idle_in_transaction_session_timeout": idle_ms,
        # One request, one core: others wait for theirs. And the branches of a search run one after the other.
        "max_parallel_workers_per_gather": 0,
    }
    # A statement like others is planned once, and six that each set one thing are not.
    return "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in limits.items())
