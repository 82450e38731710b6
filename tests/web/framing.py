"""Requests of which nobody can tell for sure where they end: what one hears as a body may be another's next request."""

import contextlib
import re
import socket

from tests.factories import Tenant

CHUNKED = "Transfer-Encoding: chunked"


def head(tenant: Tenant, *lines: str, method: str = "POST", path: str = "/v1/customers") -> bytes:
    fixed = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    own = [f"Authorization: Bearer {tenant.access_token}", "Content-Type: application/json"]
    return "\r\n".join([*fixed, *own, *lines, "", ""]).encode("latin-1")


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


ONE = b'{"name": "smuggled"}'
FRAMED = f"Content-Length: {len(ONE)}"
AMBIGUOUS = {
    "both, and the length holds": ([FRAMED, CHUNKED], ONE),
    "both, and the chunks hold": (["Content-Length: 5", CHUNKED], chunked(ONE)),
    "both, the chunks first": ([CHUNKED, "Content-Length: 5"], chunked(ONE)),
    "two lengths": (["Content-Length: 0", FRAMED], ONE),
    "two lengths in a list": ([f"Content-Length: 0, {len(ONE)}"], ONE),
    "a length with a sign": ([f"Content-Length: +{len(ONE)}"], ONE),
    "a length with a line under it": (["Content-Length: 2_0"], ONE),
    "a length in another base": (["Content-Length: 0x14"], ONE),
    "a length in other digits": (["Content-Length: \u00b2"], ONE),
    "a blank behind a name": (["Transfer-Encoding : chunked"], chunked(ONE)),
    "a length with a blank behind its name": (["Content-Length : 20"], ONE),
    "a folded line": (["Transfer-Encoding:", " chunked"], chunked(ONE)),
    "chunked twice": ([CHUNKED, CHUNKED], chunked(ONE)),
    "chunked, then none": ([CHUNKED, "Transfer-Encoding: identity"], chunked(ONE)),
    "chunked, then another": (["Transfer-Encoding: chunked, gzip"], chunked(ONE)),
    "nearly chunked": (["Transfer-Encoding: xchunked"], chunked(ONE)),
    "chunked behind a sign": (["Transfer-Encoding: \x0bchunked"], chunked(ONE)),
    "a line that ends in half": ([f"X: x\rContent-Length: {len(ONE)}"], ONE),
    "a size with a sign": ([CHUNKED], b"+14\r\n" + ONE + b"\r\n0\r\n\r\n"),
    "a size in another base": ([CHUNKED], b"0x14\r\n" + ONE + b"\r\n0\r\n\r\n"),
    "a size with a line under it": ([CHUNKED], b"1_4\r\n" + ONE + b"\r\n0\r\n\r\n"),
    "a size that is no size": ([CHUNKED], b"\r\n" + ONE + b"\r\n0\r\n\r\n"),
    "a chunk longer than its size": ([CHUNKED], b"13\r\n" + ONE + b"\r\n0\r\n\r\n"),
}
"""Headers and bodies whose end a proxy may see elsewhere than we do."""


def volley(port: int, tenant: Tenant, case: str) -> bytes:
    """All that comes back for one of them and a second request behind it, on a connection that would stay open."""
    lines, body = AMBIGUOUS[case]
    own = [f"Authorization: Bearer {tenant.access_token}", "Content-Type: application/json"]
    first = "\r\n".join(["POST /v1/customers HTTP/1.1", "Host: localhost", *own, *lines, "", ""]).encode("latin-1")
    second = "\r\n".join(["GET /v1/me HTTP/1.1", "Host: localhost", own[0], "", ""]).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        received = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(first + body + second)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
    return received


def answered(received: bytes) -> list[int]:
    """The status of each answer in it."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", received)]
