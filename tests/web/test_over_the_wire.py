"""What only a real socket shows: bodies in chunks, lengths that lie, and every line that a running service writes."""

import contextlib
import json
import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from billing_api import MAX_BODY
from billing_api.web.errors import PROBLEM_JSON
from billing_api.web.headers import SECURITY
from config import Config
from tests.factories import PASSWORD, Tenant
from tests.live_service import LiveService, serving
from tests.service_processes import STARTED, eventually
from tests.web.framing import AMBIGUOUS, CHUNKED, answered, chunked, head, volley
from tests.web.refusals import LEAKS, MEMBERS


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wire") / "log"


@pytest.fixture(scope="module")
def live(config: Config, app: Flask, log: Path) -> Iterator[LiveService]:
    with serving(config, log, BILLING_LOG_LEVEL="info", WORKERS="1") as service:
        yield service


def exchange(live: LiveService, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send these bytes as they are and nothing more, and read one answer: its status, its headers, its body."""
    return parsed(whole(live, *pieces))


def parsed(received: bytes) -> tuple[int, dict[str, str], bytes]:
    first_lines, _, body = received.partition(b"\r\n\r\n")
    first, *lines = first_lines.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, body


def whole(live: LiveService, *pieces: bytes) -> bytes:
    """All that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break  # It was refused before it was read to its end.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
    return received


def test_a_body_in_chunks_is_read(live: LiveService, tenant: Tenant) -> None:
    status, headers, body = exchange(live, head(tenant, CHUNKED), chunked(b'{"name"', b': "in ch', b'unks"}'))
    assert status == 201, body
    assert headers["location"] == json.loads(body)["links"]["self"]
    assert json.loads(body)["name"] == "in chunks"


def test_a_body_in_chunks_that_grows_over_a_mebibyte_is_413(live: LiveService, tenant: Tenant) -> None:
    for size in (MAX_BODY + 1, 3 * MAX_BODY):
        content = b'{"name": "x"}' + b" " * (size - 13)
        pieces = [content[start : start + 65536] for start in range(0, size, 65536)]
        status, headers, body = exchange(live, head(tenant, CHUNKED), chunked(*pieces))
        assert (status, headers["content-type"]) == (413, "application/problem+json")
        assert json.loads(body)["code"] == "payload-too-large"


def test_a_body_in_chunks_of_exactly_a_mebibyte_is_read(live: LiveService, tenant: Tenant) -> None:
    content = b'{"name": "x"' + b" " * (MAX_BODY - 13) + b"}"
    status, _, body = exchange(live, head(tenant, CHUNKED), chunked(content[:1000], content[1000:]))
    assert status == 201, body


def test_a_long_body_is_refused_by_its_length_before_it_is_sent(live: LiveService, tenant: Tenant) -> None:
    status, headers, body = exchange(live, head(tenant, f"Content-Length: {10**12}"))
    assert (status, headers["content-type"]) == (413, "application/problem+json"), body


UNREADABLE = {
    "two types": (["Content-Type: text/plain"], 400, "unreadable-request"),
    "a control character": (["X: a\x01b"], 400, "unreadable-request"),
    "a length and chunks": (["Content-Length: 5", CHUNKED], 400, "unreadable-request"),
    "another coding": (["Transfer-Encoding: x"], 501, "transfer-coding-unknown"),
    "a header of 9 kB": ([f"X: {'x' * 9000}"], 431, "headers-too-large"),
    "headers of 1 MB": ([f"X: {'x' * 1_000_000}"], 431, "headers-too-large"),
    "150 headers": ([f"X{n}: x" for n in range(150)], 431, "headers-too-large"),
    "an expectation": (["Expect: wonders"], 417, "expectation-failed"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_the_server_refuses_by_itself_is_a_problem_like_any_other(
    live: LiveService, tenant: Tenant, log: Path, case: str
) -> None:
    """Plant the flaw by taking `handle_error` out of the worker, or `note_unread` out of its answer."""
    lines, status, code = UNREADABLE[case]
    ids = {refused_by_server(live, status, code, head(tenant, *lines, "X-Request-Id: mine")) for _ in range(2)}
    assert len(ids) == 2
    assert {uuid.UUID(id).version for id in ids} == {7}
    assert eventually(lambda: all(id in log.read_text() for id in ids))
    for line in log.read_text().partition(STARTED)[2].strip().split("\n"):
        event = json.loads(line)
        if event["request_id"] in ids:
            assert (event["event"], event["route"], event["status"]) == ("request", "unknown", status)
        assert "xxxx" not in line


def test_an_address_that_is_too_long_is_a_problem_like_any_other(live: LiveService, tenant: Tenant) -> None:
    long = head(tenant, method="GET", path=f"/v1/customers?q={'x' * 9000}")
    refused_by_server(live, 414, "address-too-long", long)
    refused_by_server(live, 400, "unreadable-request", b"what is this\r\n\r\n")
    refused_by_server(live, 400, "unreadable-request", b"\x16\x03\x01 TLS\r\n\r\n")


def refused_by_server(live: LiveService, status: int, code: str, content: bytes) -> str:
    """The id of the one answer to these bytes, which is whole, safe in a browser, and the end of its connection."""
    received = whole(live, content)
    assert received.count(b"HTTP/1.1 ") == 1, received
    answered, headers, body = parsed(received)
    problem = json.loads(body)
    assert (answered, headers["content-type"]) == (status, PROBLEM_JSON), received
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    assert problem.keys() == MEMBERS
    assert problem["request_id"] == headers["x-request-id"]
    assert (problem["instance"], problem["errors"]) == ("", [])
    assert headers.items() >= {name.lower(): value for name, value in SECURITY.items()}.items()
    assert (headers["connection"], int(headers["content-length"])) == ("close", len(body))
    assert {"date", "x-content-type-options"} <= headers.keys()
    assert not LEAKS.search(received.decode())
    id: str = problem["request_id"]
    return id


def test_behind_an_answer_to_a_body_that_nobody_read_there_is_no_second_one(live: LiveService, tenant: Tenant) -> None:
    """A GET is answered without a look at its body, which then turns out to have no end. Plant the flaw by refusing
    what is answered."""
    fixed = ["GET /v1/me HTTP/1.1", "Host: localhost", f"Authorization: Bearer {tenant.access_token}", CHUNKED, "", ""]
    received = whole(live, "\r\n".join(fixed).encode() + b"zz\r\nGET /v1/me HTTP/1.1\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d{3})", received) == [b"200"], received


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: -1"],
        ["Content-Length: x"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", CHUNKED],
        ["Transfer-Encoding: x"],
        ["Transfer-Encoding: chunked, x"],
        ["Bad Header: x"],
        ["No colon"],
    ],
    ids=" + ".join,
)
def test_ambiguous_framing_is_never_a_success_and_never_a_5xx_of_ours(
    live: LiveService, tenant: Tenant, lines: list[str]
) -> None:
    """gunicorn refuses what it cannot read before the application sees it; an unknown transfer coding is its 501."""
    status, headers, _ = exchange(live, head(tenant, *lines), b"5\r\nhello\r\n0\r\n\r\n")
    assert (status in {400, 501}, headers["content-type"]) == (True, PROBLEM_JSON)


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_behind_a_body_of_which_nobody_knows_the_end_no_second_request_is_heard(
    live: LiveService, tenant: Tenant, case: str
) -> None:
    """On a connection that stays open. Plant the flaw by gunicorn's `permit_obsolete_folding`."""
    received = volley(live.port, tenant, case)
    assert answered(received) in ([400], [501]), received
    assert tenant.get("/v1/customers").json["data"] == []


def test_a_body_that_breaks_off_is_refused_though_what_came_is_json(live: LiveService, tenant: Tenant) -> None:
    for lines, content in ((["Content-Length: 99"], b'{"name": "cut"}'), ([CHUNKED], b'f\r\n{"name": "cut"}\r\n')):
        status, headers, body = exchange(live, head(tenant, *lines), content)
        assert (status, headers["content-type"]) == (400, "application/problem+json"), body
    assert not any(customer["name"] == "cut" for customer in tenant.get("/v1/customers").json["data"])


def test_a_wrong_chunk_is_a_refusal(live: LiveService, tenant: Tenant) -> None:
    for body in (b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n"):
        status, _, answer = exchange(live, head(tenant, CHUNKED), body)
        assert status == 400, answer


def test_two_of_a_header_that_may_stand_once_are_refused(live: LiveService, tenant: Tenant) -> None:
    status, _, body = exchange(live, head(tenant, "Authorization: Bearer x", "Content-Length: 13"), b'{"name": "x"}')
    assert status in {400, 401}, body


def test_every_line_of_the_log_is_one_json_object_whatever_was_sent(
    live: LiveService, tenant: Tenant, log: Path
) -> None:
    hostile = ["a\\b", '{"a": 1}', "%0a%0d", "%22%7d", "\u2028".encode().decode("latin-1"), "\x7f"]
    for word in hostile:
        for lines in (
            [f"X-Request-Id: {word}"],
            [f"User-Agent: {word}"],
            [f"traceparent: {word}"],
            [f"Accept: {word}"],
        ):
            exchange(
                live,
                head(tenant, *lines, method="GET", path=f"/v1/customers?q={word.encode('ascii', 'ignore').decode()}"),
            )
        exchange(live, head(tenant, method="GET", path="/v1/x/" + word.encode("ascii", "ignore").decode()))
    exchange(live, head(tenant, method="A!#$%&'*+-.^_`|~9", path="/v1/me"))
    marker = "the-last-request"
    exchange(live, head(tenant, f"X-Request-Id: {marker}", method="GET", path="/v1/me"))
    assert eventually(lambda: marker in log.read_text())
    text = log.read_text().partition(STARTED)[2]
    lines = text.strip().split("\n")
    events = [json.loads(line) for line in lines]
    assert len(events) > 20
    assert all(isinstance(event, dict) and event["event"] for event in events)
    assert {"request_id", "route", "status", "ms"} <= events[-1].keys()
    for secret in (tenant.access_token, tenant.refresh_token, tenant.email, PASSWORD):
        assert secret not in text
