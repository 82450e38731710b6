"""How answers leave: on a pair of sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.wsgi import FileWrapper

from billing_api.wire import Answer, ClientSocket, Settings
from tests.live_service import LiveService


@pytest.fixture
def answer() -> Iterator[tuple[Answer, socket.socket]]:
    """An answer that has begun, and its client."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(0.1)
    asked = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)
    with closing(ClientSocket(ours)) as sock, closing(theirs):
        yield Answer(asked, sock, Settings(Config())), theirs


def test_head_and_body_leave_together(answer: tuple[Answer, socket.socket]) -> None:
    made, client = answer
    made.start_response("200 OK", [("Content-Length", "4"), ("X-Name", "value")])
    made.send_headers()
    with pytest.raises(TimeoutError):
        client.recv(1024)
    made.send([b"body"])
    head, _, body = client.recv(1024).partition(b"\r\n\r\n")
    assert (head.splitlines()[0], head.splitlines()[-1], body) == (b"HTTP/1.1 200 OK", b"X-Name: value", b"body")


def test_a_head_without_a_body_leaves_at_the_end(answer: tuple[Answer, socket.socket]) -> None:
    made, client = answer
    made.start_response("204 No Content", [("Content-Length", "0")])
    made.send([])
    assert client.recv(1024).endswith(b"keep-alive\r\n\r\n")


def test_a_head_leaves_ahead_of_a_file_and_of_pieces(answer: tuple[Answer, socket.socket], tmp_path: Path) -> None:
    made, client = answer
    (tmp_path / "file").write_bytes(b"of a file")
    made.start_response("200 OK", [("Content-Length", "9")])
    with (tmp_path / "file").open("rb") as file:
        made.send(FileWrapper(file))
    client.settimeout(1)
    found = client.recv(1024)
    while not found.endswith(b"\r\n\r\nof a file"):
        found += client.recv(1024)


def test_a_head_comes_before_pieces_of_which_there_are_none(answer: tuple[Answer, socket.socket]) -> None:
    made, client = answer
    made.start_response("200 OK", [])
    made.send([])
    client.settimeout(1)
    found = b""
    while not found.endswith(b"0\r\n\r\n"):
        found += client.recv(1024)
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")


def test_what_has_no_length_is_sent_in_pieces(answer: tuple[Answer, socket.socket]) -> None:
    made, client = answer
    made.start_response("200 OK", [])
    made.send([b"body"])
    client.settimeout(1)
    found = b""
    while not found.endswith(b"0\r\n\r\n"):
        found += client.recv(1024)
    assert found.endswith(b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")


@pytest.mark.parametrize("header", [("X", "a\r\nSet-Cookie: b"), ("X", "\x00"), ("X", "a\nb"), ("X:", "a"), ("", "a")])
def test_nothing_of_a_head_is_sent_that_would_be_two(answer: tuple[Answer, socket.socket], header: Any) -> None:
    made, client = answer
    made.start_response("200 OK", [header, ("Content-Length", "0")])
    with pytest.raises(InvalidResponseHeader):
        made.send([b""])
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_a_header_of_the_connection_is_not_the_services(answer: tuple[Answer, socket.socket]) -> None:
    with pytest.raises(InvalidResponseHeaderName):
        answer[0].start_response("200 OK", [("Transfer-Encoding", "chunked")])


def test_requests_that_come_together_are_answered_in_turn_and_the_worker_lives(live: LiveService) -> None:
    """Of the second and the third nothing comes any more: they were read with the first."""
    workers = live.workers()
    with socket.create_connection(("127.0.0.1", live.port)) as client:
        client.settimeout(5)
        client.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 3)
        found = b""
        while found.count(b"HTTP/1.1 200 OK") < 3:
            more = client.recv(65536)
            assert more
            found += more
        time.sleep(2)
        assert {*workers} <= {*live.workers()}
