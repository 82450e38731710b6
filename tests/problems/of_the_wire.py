"""Ways to what the HTTP server refuses by itself: a request that no client of the application can even make."""

import http.client
import socket
from contextlib import closing

from werkzeug.test import EnvironBuilder, TestResponse

from tests.problems.scene import Scene, Way


def sending(*lines: str) -> Way:
    """A request of these lines is enough."""

    def send(scene: Scene) -> TestResponse:
        with socket.create_connection(("127.0.0.1", scene.served().port), timeout=10) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            with closing(http.client.HTTPResponse(connection)) as answer:
                answer.begin()
                status, headers, body = f"{answer.status} {answer.reason}", answer.getheaders(), answer.read()
        return TestResponse([body], status, headers, EnvironBuilder().get_request())  # type: ignore[arg-type]  # pairs do

    return send


FIRST, HOST = "GET /v1/me HTTP/1.1", "Host: localhost"

WAYS: dict[str, Way] = {
    "address-too-long": sending(f"GET /v1/customers?q={'x' * 9000} HTTP/1.1", HOST),
    "expectation-failed": sending(FIRST, HOST, "Expect: wonders"),
    "headers-too-large": sending(FIRST, HOST, f"Cookie: {'x' * 9000}"),
    "transfer-coding-unknown": sending(FIRST, HOST, "Transfer-Encoding: x"),
    "unreadable-request": sending(FIRST, HOST, "Content-Type: text/plain", "Content-Type: application/json"),
}
