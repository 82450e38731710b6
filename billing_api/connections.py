"""The connection of a unit of work: taken from the pool for its first statement, told of its tenant and limits in the
message of that statement, and given back as it was.

Transactions begin and end in texts of ours. psycopg2 would send each beginning as a message of its own, and knows of
none that ends with its message.
"""

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import psycopg2
import sqlalchemy as sa
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import PoolProxiedConnection

from billing_api.circuit_breaker import breaker
from billing_api.errors import Unavailable
from billing_api.preparing import known, note
from billing_api.statement import Statement
from billing_api.unit_of_work import UnitOfWork, beginning, settings, unit

MOST_VALUES = 2**19
"""As many go in one statement that inserts rows, which is more than any document has."""
_BROKEN = psycopg2.OperationalError("the connection broke before")


def compiled(engine: sa.Engine, query: sa.SelectBase, *, is_planned_anew: bool = False) -> Statement:
    """The statement of a query, whose parameters are named when it is asked, and so are those that are looked up."""
    made = query.compile(engine, compile_kwargs={"render_postcompile": True})
    looked_up = {name for name, parameter in made.binds.items() if parameter.callable}
    constants = {name: value for name, value in made.params.items() if value is not None and name not in looked_up}
    return Statement(str(made), constants, is_planned_anew)


def watch(engine: sa.Engine) -> None:
    """Let each unit of work begin, and announce its tenant and limits, through this engine."""
    event.listen(engine, "checkout", _look_over)
    event.listen(engine, "reset", _end)
    event.listen(engine, "before_cursor_execute", _announce, retval=True)
    # Values are written into the text of a statement here, so no protocol counts them; and rows that must balance when
    # a statement ends, as the postings of the ledger, cannot be dealt out to several.
    engine.dialect.insertmanyvalues_max_parameters = MOST_VALUES


def bound(engine: sa.Engine) -> sa.Connection:
    """What a session sends its statements through in this unit of work.

    Raises:
        Unavailable: the database cannot be heard.
        DBAPIError: there is no connection to be had.
    """
    here = unit()
    connection = _taken(engine, here)
    if here.bound is None:
        here.bound = sa.Connection(engine, connection)
    return here.bound


def ask(engine: sa.Engine, statements: Sequence[Statement], values: Mapping[str, Any], *, alone: bool) -> Sequence[Any]:
    """The rows of the last of these statements in this unit of work, as the driver's own cursor gives them. What is
    asked `alone` begins and ends its transaction in its own message, unless another has been begun before.

    Raises:
        Unavailable: the database cannot be heard.
        DBAPIError: it refuses, or the connection broke; the same that a session would raise.
    """
    with lonely() if alone else nullcontext():
        cursor = tell(engine, statements, values)
    rows: Sequence[Any] = cursor.fetchall()
    return rows


def tell(engine: sa.Engine, statements: Sequence[Statement], values: Mapping[str, Any], *, then: str = "") -> Any:
    """Send statements in this unit of work, in one message, and `then` what ends it; returns the driver's cursor, with
    the rows of the last. Raises what `ask` does."""
    here = unit()
    connection = _taken(engine, here)
    begun, announcement = _announcement(here)
    given = _given([*announcement, *statements], values)
    statements = [*announcement, *statements]
    whole = "; ".join(statement.text for statement in statements)
    text = begun + whole
    try:
        cursor: Any = connection.cursor()
        by_name = known(engine, connection, statements)
        _note_announced(here, begun)
        for listen in engine.dispatch.before_cursor_execute:
            text, given = listen(connection, cursor, text, given, None, False)
        # Who listens may put something in front; what one of them has rewritten is sent as it is now.
        asked = text.removesuffix(whole) + by_name if text.endswith(whole) else text
        cursor.execute(asked + then, given)
        for listen in engine.dispatch.after_cursor_execute:
            listen(connection, cursor, text, given, None, False)
    except psycopg2.Error as error:
        note(engine, error)
        raise _told(engine, error, connection) from error
    return cursor


def _given(statements: Sequence[Statement], values: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(values)
    for statement in statements:
        for name, value in statement.constants.items():
            if given.setdefault(name, value) != value:
                raise LookupError(f"two values are called {name} in one message")
    return given


@contextmanager
def lonely() -> Iterator[None]:
    """Let the one statement that is sent here begin and end its transaction in its own message, unless this unit of
    work has begun one before."""
    here = unit()
    here.is_alone = not here.is_begun
    try:
        yield
    finally:
        if here.is_alone:
            here.is_alone = here.is_announced = False


def commit(engine: sa.Engine) -> None:
    """End the transaction of this unit of work, if one was begun, or there is something to end it with.

    Raises:
        DBAPIError: the database refuses, or the connection broke.
        RuntimeError: it has failed, or never begun, by a fault that somebody has passed over.
    """
    here = unit()
    if not here.is_begun and not here.ending:
        return
    connection: Any = _taken(engine, here)
    if here.is_begun and connection.dbapi_connection.info.transaction_status == TRANSACTION_STATUS_IDLE:
        raise RuntimeError("a transaction was to be kept that has never begun")
    if _ended(engine, connection, here).statusmessage != "COMMIT":
        raise RuntimeError("a transaction that had failed was to be kept")


def _ended(engine: sa.Engine, connection: PoolProxiedConnection, here: UnitOfWork) -> Any:
    if here.ending:
        return tell(engine, here.ending, here.values_of_ending, then="; COMMIT")
    try:
        cursor = connection.cursor()
        cursor.execute("COMMIT")
    except psycopg2.Error as error:
        raise _told(engine, error, connection) from error
    return cursor


def _taken(engine: sa.Engine, here: UnitOfWork) -> PoolProxiedConnection:
    if not here.is_limited:
        raise LookupError("no unit of work gives a connection back")
    if not here.is_answered and not breaker.lets_through():
        raise Unavailable()
    if here.connection is None:
        try:
            here.connection = engine.raw_connection()
        except psycopg2.Error as error:
            raise _told(engine, error, None) from error
    if not here.connection.is_valid:
        raise OperationalError(None, None, _BROKEN, connection_invalidated=True)
    return here.connection


def _told(engine: sa.Engine, error: psycopg2.Error, connection: PoolProxiedConnection | None) -> DBAPIError:
    """The error as SQLAlchemy tells it; a connection that broke is not used again."""
    is_lost = engine.dialect.is_disconnect(error, connection, None)  # type: ignore[arg-type]  # one of its errors
    if is_lost and connection is not None:
        connection.invalidate(error)
    told = DBAPIError.instance(
        None, None, error, psycopg2.Error, hide_parameters=True, connection_invalidated=is_lost, dialect=engine.dialect
    )
    return cast(DBAPIError, told)


def _look_over(connection: Any, _record: object, _proxy: object) -> None:
    if connection.closed:
        raise DisconnectionError()
    # The database says nothing to whom it has been asked nothing by, but for the last word to a connection that it
    # ends, as it then does to all.
    ended = select.poll()
    ended.register(connection.fileno(), select.POLLIN)
    if ended.poll(0):
        raise InvalidatePoolError()
    # Outside of a unit of work, as in a migration, SQLAlchemy begins and ends the transactions. Not through its
    # isolation levels: those are set back when a connection is returned, which asks the database, and where that cannot
    # be reached the place in the pool is lost for ever.
    connection.autocommit = unit().is_limited


def _end(connection: Any, _record: object, _state: object) -> None:
    if connection.autocommit and connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
        connection.cursor().execute("ROLLBACK")


def _announce(
    _connection: object, cursor: Any, statement: str, parameters: Any, _context: object, executemany: bool
) -> tuple[str, Any]:
    here = unit()
    begun, announcement = _announcement(here)
    if not announcement:
        return statement, parameters
    _note_announced(here, begun)
    told = begun + "; ".join(one.text for one in announcement)
    values = _given(announcement, {})
    if executemany:
        cursor.execute(told, values)
        return statement, parameters
    return f"{cursor.mogrify(told, values).decode()}; {statement}", parameters


def _announcement(here: UnitOfWork) -> tuple[str, Sequence[Statement]]:
    """What goes ahead of the first statement of a unit of work."""
    return ("", ()) if here.is_announced else (beginning(here), settings(here))


def _note_announced(here: UnitOfWork, begun: str) -> None:
    """It goes with the message at hand: whatever fails before that leaves the next one to announce it."""
    here.is_announced = True
    here.is_begun = here.is_begun or bool(begun)
