"""The connection of a process to Redis, which may be missing, silent or talking nonsense: nobody waits for it for long.

Each question ends by itself, and after one that was in vain nobody asks for a while. Whoever asks is told that there is
no answer by an exception, whatever the reason.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any

import structlog

from billing_api.circuit_breaker import CircuitBreaker
from config import ConfigError

try:
    import redis
except ImportError:
    # Without REDIS_URL it is not needed.
    redis = None  # type: ignore[assignment]

PATIENCE = 0.1
"""Seconds that a question takes at most, with the wait for its turn and for a connection. A request has two: what it
looks for, and what it leaves there."""
_CONNECT_SECONDS = 1.0
"""A connection may take longer than anybody waits for it; the next who tries finds it."""

log = structlog.get_logger()


class Away(Exception):
    """Redis is not asked now, or others are asking it."""


class Refused(Exception):
    """Redis has heard a command, and does not do it: it is full, say, or another kind of value stands there."""


class RedisLine:
    """One connection, which the threads of a process use in turn. It is made when it is first asked for and not with
    the line, because the process that all workers are forked from would share its own with them."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._turn = Lock()
        self._breaker = CircuitBreaker()
        self._attempt: Future[Any] | None = None
        self._connection: Any = None
        self._is_away = False

    def connect(self) -> None:
        """Connect, for whoever asks first, without waiting; once a process is there to stay."""
        with self._turn:
            self._attempted()

    def ask(self, *words: str | bytes | int) -> Any:
        """What Redis answers to a command.

        Raises:
            Refused: it has heard it, and does not do it.
            Exception: it has not answered. Of which kind cannot be said: nonsense is read in many ways.
        """
        ends = time.monotonic() + PATIENCE
        if not self._turn.acquire(timeout=PATIENCE):
            raise Away
        try:
            return self._asked(words, ends)
        finally:
            self._turn.release()

    def _asked(self, words: tuple[str | bytes | int, ...], ends: float) -> Any:
        if self._connection is None and not self._breaker.lets_through():
            raise Away
        try:
            connection = self._connection = self._connection or self._connected(ends)
            connection.send_command(*words)
            answer = connection.read_response(timeout=_left(ends))
        except BaseException as error:
            if self._connection is not None and isinstance(error, redis.ResponseError):
                raise Refused(type(error).__name__) from None
            self._lose(error)
            raise
        self._breaker.note(silence=False)
        return answer

    def _connected(self, ends: float) -> Any:
        """A connection that has been answered."""
        attempt = self._attempted()
        try:
            connection = attempt.result(_left(ends))
        finally:
            if attempt.done():
                self._attempt = None
        if self._is_away:
            log.info("redis is back")
        self._is_away = False
        return connection

    def _attempted(self) -> "Future[Any]":
        """The connection that is being made, by a thread of its own, because nothing else limits how long the name of a
        host is looked up."""
        attempt = self._attempt
        if attempt is None or (attempt.done() and attempt.exception()):
            attempt = Future()
            # Where no thread can be had nobody would ever answer, so it is noted after that.
            Thread(target=self._connect, args=(attempt,), daemon=True).start()
            self._attempt = attempt
        return attempt

    def _connect(self, attempt: Future[Any]) -> None:
        connection = self._make()
        try:
            # A server that hangs is connected to, and does not answer.
            connection.send_command("PING")
            if connection.read_response() != b"PONG":
                raise Away
        except BaseException as error:
            connection.disconnect()
            attempt.set_exception(error)
        else:
            attempt.set_result(connection)

    def _lose(self, error: BaseException) -> None:
        """Do without Redis for a while, with one line in the log until it is back."""
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None
        self._breaker.note(silence=True)
        if not self._is_away:
            log.warning("redis is away", exception=type(error).__name__)
        self._is_away = True


def _left(ends: float) -> float:
    """The seconds until then, and one moment more: an answer that has come is read."""
    return max(ends - time.monotonic(), 0.001)


def opened(url: str) -> RedisLine:
    """The line to the Redis at this address, which need not be there.

    Raises:
        ConfigError: the package that speaks to it is not installed, or the address cannot be read.
    """
    if redis is None:
        raise ConfigError(["REDIS_URL: needs the package redis; `pip install 'billing-api[redis]'` brings it"])
    times = {"socket_timeout": PATIENCE, "socket_connect_timeout": _CONNECT_SECONDS}
    try:
        # In the older form of the protocol, in which nothing has to be said before the first command.
        make = redis.ConnectionPool.from_url(url, protocol=2, driver_info=None, **times).make_connection
        make()
    except (TypeError, ValueError):
        # Not with the reason, which may quote the password.
        raise ConfigError(["REDIS_URL: cannot be read as redis://:password@host:6379/0"]) from None
    return RedisLine(make)
