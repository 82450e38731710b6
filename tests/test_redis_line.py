"""Nobody waits for Redis for long: whatever it does, it is asked in turn, and after a failure not for a while."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from billing_api import circuit_breaker, redis_line
from billing_api.redis_line import PATIENCE, Away, RedisLine, Refused, opened
from config import Config, ConfigError
from tests.live_service import together
from tests.redis_server import needs_redis, redis_server
from tests.service_processes import eventually

NONSENSE = [
    b"", b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$x\r\n", b"$-7\r\n", b"*9999999999\r\n", b"+PING\r\n",
    b"\xff" * 99, b"$1000000000\r\n", b"-ERR no\r\n", b"*1\r\n" * 5000, b":1\r\n",
]  # fmt: skip
"""What a server says in place of PONG."""


class Fake:
    """A connection that answers with what these functions do."""

    def __init__(self, *deeds: Callable[[], Any]) -> None:
        self.deeds = [lambda: b"PONG", *deeds]
        self.is_open = True

    def send_command(self, *_: Any) -> None:
        pass

    def read_response(self, timeout: float = 0) -> Any:
        return self.deeds.pop(0)()

    def disconnect(self) -> None:
        self.is_open = False


@pytest.fixture
def babbler() -> Iterator[Callable[[bytes], str]]:
    """The address of a server that says one and the same to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble(words: bytes) -> str:
            def answer() -> None:
                with suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(words)
                        connection.recv(1000)

            threading.Thread(target=answer, daemon=True).start()
            return f"redis://127.0.0.1:{listener.getsockname()[1]}"

        yield babble


def failing() -> Any:
    raise OSError("it broke")


def test_two_questions_take_a_fifth_of_a_second_at_most() -> None:
    assert 2 * PATIENCE <= 0.2


def test_a_process_may_connect_before_anybody_asks() -> None:
    made = []
    line = RedisLine(lambda: made.append(1) or Fake(lambda: b"found"))
    line.connect()
    assert eventually(lambda: line._attempt is not None and line._attempt.done())
    assert (line.ask("GET", "x"), made) == (b"found", [1])


def test_nobody_waits_for_a_name_that_is_looked_up_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "TRIAL_SECONDS", 0.0)
    release, made = threading.Event(), list[bool]()

    def slow() -> Fake:
        made.append(release.wait(30))
        return Fake(lambda: b"found")

    line = RedisLine(slow)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            line.ask("GET", "x")
    release.set()
    # One thread looks it up, however many ask meanwhile; what it brings in the end is used.
    while line._attempt is None or not line._attempt.done():
        pass
    assert (line.ask("GET", "x"), len(made)) == (b"found", 1)


def test_after_a_failure_nobody_asks_for_a_while_and_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = [Fake(failing), Fake(lambda: b"found")]
    line = RedisLine(iter(fakes).__next__)
    with capture_logs() as lines:
        with pytest.raises(OSError, match="it broke"):
            line.ask("GET", "x")
        for _ in range(3):
            with pytest.raises(Away):
                line.ask("GET", "x")
        monkeypatch.setattr(line._breaker, "_next_trial", 0.0)
        assert line.ask("GET", "x") == b"found"
    assert [fake.is_open for fake in fakes] == [False, True]
    assert [one["event"] for one in lines] == ["redis is away", "redis is back"]


def test_who_waits_for_their_turn_in_vain_goes_on_without() -> None:
    release = threading.Event()
    line = RedisLine(lambda: Fake(lambda: release.wait(30), lambda: b"found"))
    first = threading.Thread(target=lambda: line.ask("GET", "x"))
    first.start()
    while not line._turn.locked():
        pass
    with pytest.raises(Away):
        line.ask("GET", "x")
    release.set()
    first.join()
    assert line.ask("GET", "x") == b"found"


@pytest.mark.parametrize("words", NONSENSE)
def test_who_talks_nonsense_is_as_good_as_away(babbler: Callable[[bytes], str], words: bytes) -> None:
    line = opened(babbler(words))
    with pytest.raises(Exception):  # noqa: B017, PT011 - nonsense is read in many ways
        line.ask("GET", "x")
    with pytest.raises(Away):
        line.ask("GET", "x")


@needs_redis
def test_threads_take_turns_and_each_gets_its_own_answer(tmp_path: Any) -> None:
    with redis_server(tmp_path) as server:
        line = opened(server.url)

        def ask(number: int) -> bool:
            found = []
            for round in range(50):
                with suppress(Away):
                    found.append(line.ask("ECHO", f"{number} {round}") == f"{number} {round}".encode())
            return bool(found) and all(found)

        assert together([lambda number=number: ask(number) for number in range(8)]) == [True] * 8  # type: ignore[misc]
        with server.client as client:
            assert len(client.client_list()) == 2


@needs_redis
def test_a_refusal_is_no_failure(tmp_path: Any) -> None:
    with redis_server(tmp_path) as server:
        line = opened(server.url)
        server.fill()
        with pytest.raises(Refused, match="OutOfMemoryError"):
            line.ask("SET", "x", b"1")
        assert line.ask("PING") == b"PONG"


@needs_redis
def test_a_password_is_told_and_a_wrong_one_is_a_failure(tmp_path: Any) -> None:
    with redis_server(tmp_path) as server:
        with server.client as client:
            client.config_set("requirepass", "hunter2")
        with_password = server.url.replace("//", "//:hunter2@")
        assert opened(with_password).ask("PING") == b"PONG"
        for url in (server.url, with_password.replace("hunter2", "hunter3")):
            with pytest.raises(Exception):  # noqa: B017, PT011 - whichever it is
                opened(url).ask("PING")


def test_without_the_package_a_start_with_redis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_line, "redis", None)
    with pytest.raises(ConfigError, match="needs the package redis"):
        opened("redis://localhost")


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://", "redis://a@b@c", "redis://a b"])
def test_what_is_no_redis_is_refused_with_all_other_faults(url: str) -> None:
    with pytest.raises(ConfigError) as found:
        Config.from_env({"REDIS_URL": url, "PORT": "x"})
    assert [fault.partition(":")[0] for fault in found.value.faults] == ["PORT", "REDIS_URL"]


@pytest.mark.parametrize("url", ["redis://h", "rediss://:p%40ss@h:6380/1", "unix:///run/redis.sock", "redis://[::1]:1"])
def test_a_redis_is_taken_as_it_was_given(url: str) -> None:
    assert Config.from_env({"REDIS_URL": url}).redis_url == url


def test_a_thread_that_cannot_start_is_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant the flaw by noting it before: nobody would ever answer, and all would wait for that."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    line = RedisLine(lambda: Fake(lambda: b"value"))
    with monkeypatch.context() as patch:
        patch.setattr(redis_line.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            line.connect()
    assert line.ask("GET", "x") == b"value"
