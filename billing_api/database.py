"""The database: the models' common ground, the one place that commits, and the tenant of each transaction.

A unit of work knows its tenant, its actor and its limits, and sends them in front of its first statement, in the same
message; a read begins its transaction there too. Nothing outlives the transaction, which keeps it right behind a pooler
in transaction mode.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import psycopg2
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import orm
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

from billing_api import clock, connections, inserting
from billing_api.errors import BillingError, NotFound, PreconditionFailed, Unavailable
from billing_api.fault_points import reach
from billing_api.statement import Statement
from billing_api.unit_of_work import SYSTEM, Actor, UnitOfWork, current, unit


class Silence(psycopg2.OperationalError):
    """The database did not answer in time; its connection is closed."""


class Overtaken(Unavailable):
    """What was read to know which rows to lock had changed when the locks were had, each time that it was tried.
    Nothing was kept; try again, with the same Idempotency-Key."""

    code = "overtaken"
    title = "Others were quicker"


class Base(DeclarativeBase):
    """The root of all models; every constraint has a name, because errors and migrations speak of them by name."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class TenantSession(FlaskSession, inserting.InsertingSession):
    """A session that speaks through the connection of its unit of work."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        return connections.bound(db.engine) if unit().is_limited else super().get_bind(*args, **kwargs)


db = SQLAlchemy(model_class=Base, session_options={"class_": TenantSession, "expire_on_commit": False})
"""Only `db.session` and `db.Model` are used of it."""

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

Key = Annotated[uuid.UUID, mapped_column(sa.Uuid, default=uuid7)]
"""A UUIDv7: keys of one moment stand together in the index, and tell nothing that `created_at` does not."""
Instant = Annotated[dt.datetime, mapped_column(sa.TIMESTAMP(timezone=True))]
Amount = Annotated[int, mapped_column(sa.BigInteger)]
"""Money, in minor units of the row's currency."""


class Timestamped:
    """When a row was made and last changed, by the application's clock: PostgreSQL's own cannot be set in a test."""

    created_at: Mapped[Instant] = mapped_column(default=clock.now)
    updated_at: Mapped[Instant] = mapped_column(default=clock.now, onupdate=clock.now)


class Versioned(Timestamped):
    """A row that changes: `version` is its ETag, and stands in the WHERE of each UPDATE."""

    version: Mapped[int] = mapped_column(
        sa.Integer, sa.CheckConstraint("version >= 1", name="version_positive"), default=1
    )

    @orm.declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy calls it with the class
        return {"version_id_col": cls.version}


class Owned:
    """A row that belongs to a tenant. The key begins with the organization, so that each index serves under row-level
    security and each foreign key carries it."""

    organization_id: Mapped[uuid.UUID] = mapped_column(
        sa.Uuid, sa.ForeignKey("organizations.id"), primary_key=True, default=lambda: unit().tenant
    )
    id: Mapped[Key] = mapped_column(primary_key=True)


def is_own(model: type[Owned]) -> sa.ColumnElement[bool]:
    """Whether a row is of the tenant at hand, who is looked up with each asking: one statement does for all tenants."""
    tenant = sa.bindparam("organization_id", callable_=lambda: unit().tenant, type_=sa.Uuid)
    return model.organization_id == tenant


def owned_by(table: str, *columns: str) -> sa.ForeignKeyConstraint:
    """A foreign key to a row of the same organization, through the one or more columns that name it."""
    return sa.ForeignKeyConstraint(
        ["organization_id", *columns], [f"{table}.organization_id", f"{table}.id"], deferrable=False
    )


@contextmanager
def transaction(
    *, read_only: bool = False, dry_run: bool = False, request_id: str | None = None, again: bool = False
) -> Iterator[UnitOfWork]:
    """One unit of work: commits at the end, undoes everything on an exception. The only caller of commit and rollback.
    One that was overtaken may be run `again`.

    A refusal that `keeps` commits what it wrote and is then raised. A dry run checks all constraints, also deferred
    ones, and is undone. Nothing is sent before the first statement, so a view that needs no database takes no
    connection, and a short unit may stand inside one that has not begun yet; it is of the same request.
    """
    around = unit()
    here = UnitOfWork(read_only, dry_run, request_id or around.request_id, around.client, is_again=again)
    token = current.set(here)
    try:
        yield here
        _finish(here)
    except BillingError as error:
        if error.keeps:
            _commit()
        raise
    finally:
        _leave(here)
        current.reset(token)


@contextmanager
def savepoint() -> Iterator[None]:
    """A part of the unit of work that an exception undoes alone; the rest stands. What it wrote is sent at its end, so
    that a constraint which refuses it is heard here.

    The unit must have spoken to the database before: a tenant that is announced inside is forgotten with it.
    """
    with db.session.begin_nested():
        # The session would send it with its own next statement, which may not be the first one here.
        db.session.connection()
        yield
        db.session.flush()


def _finish(here: UnitOfWork) -> None:
    if here.is_read_only or here.is_dry_run:
        # What a read has changed is a fault of the program: sent, it is refused; unsent, it would be lost in silence.
        _flush()
    if here.is_read_only or (here.connection is None and not db.session.registry.has()):
        return
    if here.is_dry_run:
        db.session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        db.session.rollback()
    else:
        _commit()


def _flush() -> None:
    if db.session.registry.has():
        db.session.flush()


def _commit() -> None:
    """Commit; where the connection breaks meanwhile, nobody can tell whether it was done, so it is not done again."""
    reach("before_commit")
    try:
        if db.session.registry.has():
            with inserting.ahead(db.session()) as waiting:
                unit().end_with(*waiting)
            db.session.commit()
        connections.commit(db.engine)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("The database went away; whether this was kept is not known.") from error
        raise
    reach("after_commit")


def _leave(here: UnitOfWork) -> None:
    """Forget what was not kept, and give the connection back."""
    try:
        if db.session.registry.has():
            db.session.remove()
    finally:
        if here.connection is not None:
            here.connection.close()


def compiled(query: sa.SelectBase, *, is_planned_anew: bool = False) -> Statement:
    """A query to be asked often, without all that a session does for it each time."""
    return connections.compiled(db.engine, query, is_planned_anew=is_planned_anew)


def ask(
    statement: Statement, values: Mapping[str, Any], *, alone: bool = False, ahead: Sequence[Statement] = ()
) -> Sequence[Any]:
    """The rows of such a query; one that is all that a request reads is asked `alone`. What a session has waiting goes
    first, as it would before a query of its own, and then what is given to go `ahead`. Raises what a session would."""
    if unit().is_read_only or not db.session.registry.has() or not db.session.autoflush:
        return connections.ask(db.engine, [*ahead, statement], values, alone=alone)
    with inserting.ahead(db.session()) as (inserts, rows):
        return connections.ask(db.engine, [*inserts, *ahead, statement], {**rows, **values}, alone=alone)


def insert_missing(model: type[Any], rows: Sequence[dict[str, Any]]) -> Sequence[Any]:
    """Insert those rows that meet none which is there, and complete all of them; returns the ids of those inserted."""
    return inserting.insert_missing(db.engine, model, rows)


def look(query: sa.Select[Any], values: Mapping[str, Any]) -> Sequence[sa.Row[Any]]:
    """The rows of a query that is asked alone. Raises what a session would."""
    with connections.lonely():
        return connections.bound(db.engine).execute(query, values).all()


def enter(organization_id: uuid.UUID, actor: Actor = SYSTEM, *, guard: Statement | None = None) -> None:
    """Work for this organization from the next statement on. The id comes from a credential and from nowhere else."""
    here = unit()
    here.organization_id, here.actor, here.guard, here.is_announced = organization_id, actor, guard, False


_DEMAND = Statement("SELECT require_if_match FROM organizations", {})


def announce() -> bool:
    """Send tenant and guard now, ahead of the first statement; tell whether the tenant demands If-Match."""
    rows = ask(_DEMAND, {})
    return bool(rows and rows[0][0])


def reveal(name: str, value: str) -> None:
    """Make rows visible across tenants: the one whose secret is named, as a user by e-mail, or those that a job of the
    worker looks for, as mails that are due. What one policy compares with this setting is all that reads it."""
    db.session.execute(sa.select(sa.func.set_config(f"app.{name}", value, True)))


Entity = TypeVar("Entity", bound=Owned)


def find(
    model: type[Entity],
    id: uuid.UUID,
    *,
    lock: bool = False,
    alone: bool = False,
    expected: Collection[int] | None = None,
    options: tuple[Any, ...] = (),
) -> Entity:
    """The row of this tenant with this id.

    `lock` takes it FOR NO KEY UPDATE, which lets others still refer to it, or `alone` FOR UPDATE. `expected` are
    the versions that the caller means (If-Match); with the lock held, nobody can change it between this look and the
    UPDATE.

    Raises:
        NotFound: there is none, or it is another tenant's.
        PreconditionFailed: it stands at another version.
    """
    query = sa.select(model).where(model.id == id, model.organization_id == unit().tenant).options(*options)
    if lock:
        query = query.with_for_update(key_share=not alone, of=model).execution_options(populate_existing=True)
    row = db.session.scalars(query).unique().one_or_none()
    if row is None:
        raise NotFound()
    if expected is not None and getattr(row, "version", None) not in expected:
        raise PreconditionFailed()
    return row


def touch(row: Versioned) -> None:
    """Give the row a new version though only its parts have changed."""
    row.updated_at = clock.now()


def forget_connections() -> None:
    """Drop the pool without closing its sockets: they belong to the process that forked this one."""
    for engine in db.engines.values():
        engine.dispose(close=False)
