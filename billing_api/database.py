"""The database: the models' common ground, the one place that commits, and the tenant of each transaction.

A unit of work knows its tenant, its actor and its limits, and sends them in front of its first statement, in the same
message; a read begins its transaction there too. Nothing outlives the transaction, which keeps it right behind a pooler
in transaction mode.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import psycopg2
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy import event, orm
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.circuit_breaker import breaker
from billing_api.errors import BillingError, NotFound, PreconditionFailed, Unavailable
from billing_api.fault_points import reach
from billing_api.unit_of_work import SYSTEM, Actor, UnitOfWork, current, preamble, unit

MOST_VALUES = 2**19
"""As many go in one statement that inserts rows, which is more than any document has."""


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


class TenantSession(FlaskSession):
    """A session that turns to the database only while that can be heard."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        here = unit()
        if here.is_limited and not here.is_answered and not breaker.lets_through():
            raise Unavailable()
        return super().get_bind(*args, **kwargs)


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


def owned_by(table: str, *columns: str) -> sa.ForeignKeyConstraint:
    """A foreign key to a row of the same organization, through the one or more columns that name it."""
    return sa.ForeignKeyConstraint(
        ["organization_id", *columns], [f"{table}.organization_id", f"{table}.id"], deferrable=False
    )


@contextmanager
def transaction(
    *, read_only: bool = False, dry_run: bool = False, request_id: str | None = None
) -> Iterator[UnitOfWork]:
    """One unit of work: commits at the end, undoes everything on an exception. The only caller of commit and rollback.

    A refusal that `keeps` commits what it wrote and is then raised. A dry run checks all constraints, also deferred
    ones, and is undone. Nothing is sent before the first statement, so a view that needs no database takes no
    connection, and a short unit may stand inside one that has not begun yet; it is of the same request.
    """
    around = unit()
    here = UnitOfWork(read_only, dry_run, request_id or around.request_id, around.client)
    token = current.set(here)
    try:
        yield here
        _finish(db.session())
    except BillingError as error:
        if error.keeps:
            _commit(db.session())
        raise
    finally:
        # Closing rolls back whatever was not committed and gives the connection back.
        db.session.remove()
        current.reset(token)


@contextmanager
def savepoint() -> Iterator[None]:
    """A part of the unit of work that an exception undoes alone; the rest stands. What it wrote is sent at its end, so
    that a constraint which refuses it is heard here.

    The unit must have spoken to the database before: a tenant that is announced inside is forgotten with it.
    """
    with db.session.begin_nested():
        yield
        db.session.flush()


def _finish(session: orm.Session) -> None:
    if not session.in_transaction() and not session.new:
        return
    if unit().is_read_only:
        # What a read has changed is a fault of the program: sent, it is refused; unsent, it would be lost in silence.
        session.flush()
    elif unit().is_dry_run:
        session.flush()
        session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        session.rollback()
    else:
        _commit(session)


def _commit(session: orm.Session) -> None:
    """Commit; where the connection breaks meanwhile, nobody can tell whether it was done, so it is not done again."""
    reach("before_commit")
    try:
        session.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("The database went away; whether this was kept is not known.") from error
        raise
    reach("after_commit")


def enter(organization_id: uuid.UUID, actor: Actor = SYSTEM, *, guard: str = "") -> None:
    """Work for this organization from the next statement on. The id comes from a credential and from nowhere else."""
    here = unit()
    here.organization_id, here.actor, here.guard, here.is_announced = organization_id, actor, guard, False


def announce() -> bool:
    """Send tenant and guard now, ahead of the first statement; tell whether the tenant demands If-Match."""
    return bool(db.session.scalar(sa.text("SELECT require_if_match FROM organizations")))


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


_violations: dict[str, Callable[[], BillingError]] = {}


def on_violation(constraint: str, refusal: Callable[[], BillingError]) -> None:
    """When the database refuses by this constraint, the client gets this refusal. Called beside the model."""
    _violations[constraint] = refusal


def refusal_of(constraint: str | None) -> BillingError | None:
    """The refusal that stands for a broken constraint, or None where none was named for it."""
    make = _violations.get(constraint or "")
    return make() if make else None


def refusals_of_constraints() -> Mapping[str, Callable[[], BillingError]]:
    """What stands for a broken constraint, by the names of the constraints."""
    return _violations


def watch(engine: sa.Engine) -> None:
    """Let each unit of work announce its tenant and limits through this engine; reads begin in the same message."""
    event.listen(engine, "checkout", _choose_mode)
    event.listen(engine, "reset", _end_snapshot)
    event.listen(engine, "before_cursor_execute", _announce, retval=True)
    # Values are written into the text of a statement here, so no protocol counts them; and rows that must balance when
    # a statement ends, as the postings of the ledger, cannot be dealt out to several.
    engine.dialect.insertmanyvalues_max_parameters = MOST_VALUES


def forget_connections() -> None:
    """Drop the pool without closing its sockets: they belong to the process that forked this one."""
    for engine in db.engines.values():
        engine.dispose(close=False)


def _choose_mode(connection: Any, _record: object, _proxy: object) -> None:
    # Not through SQLAlchemy's isolation levels: those are set back when a connection is returned, which asks the
    # database, and where that cannot be reached the place in the pool is lost for ever.
    if connection.closed:
        raise DisconnectionError()
    connection.autocommit = unit().is_read_only


def _end_snapshot(connection: Any, _record: object, _state: object) -> None:
    # psycopg2 does not know of a transaction that was begun in the text of a statement.
    if connection.autocommit and connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
        connection.cursor().execute("ROLLBACK")


def _announce(
    connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    here = unit()
    if here.is_announced:
        return statement, parameters
    here.is_announced = True
    prefix = preamble(here)
    if executemany:
        cursor.execute(prefix)
        return statement, parameters
    return prefix + statement, parameters
