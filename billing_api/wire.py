"""The wire to a client: how requests are read from it and answers written to it, with few calls into the kernel. Each
of these lets go of the interpreter, and waits to get it back from other threads."""

import io
import re
import socket
from collections.abc import Sequence
from typing import Any

from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import FileWrapper, Response
from gunicorn.util import hop_headers
from gunicorn.workers.gthread import TConn

_HEAD_BYTES = 8192
_LINES = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*\r\n)*")
"""The lines of a head (RFC 9110, section 5)."""


class Settings:
    """gunicorn's settings, each of which it would look up and read with each asking."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._settings, name)
        setattr(self, name, value)
        return value


def take_words(conn: TConn) -> bytes | None:
    """What a client has sent of its next request, as much as a head may be, all of which its reader now has; None when
    it has sent nothing yet, and nothing more will come where that is empty."""
    known = conn.parser.unreader.buf
    known.seek(0, io.SEEK_END)
    try:
        known.write(conn.sock.recv(_HEAD_BYTES, socket.MSG_DONTWAIT))
    except BlockingIOError:
        # What was read together with its last request is all that there is.
        return known.getvalue() or None
    except OSError:
        pass
    return bytes(known.getvalue())


class _Request(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request of which gunicorn believes no proxy: the service itself counts those in front of it."""

    def _peer_is_trusted_proxy(self) -> bool:
        # gunicorn would read the client's address with each request, to look it up among none.
        return False


class RequestReader(RequestParser):  # type: ignore[misc]  # gunicorn has no types
    """The requests of one connection, one after the other."""

    mesg_class = _Request

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Read what is left of a body; whether the next request can be read behind it. Raises OSError."""
        body = self.mesg.body if self.mesg else None
        # gunicorn sets a time limit and takes it back, each of them a call, before it sees that nothing is left.
        if body is not None and not body.failed and getattr(body.reader, "length", None) == 0:
            return True
        return bool(super().finish_body(deadline, max_bytes))


class ClientSocket(socket.socket):
    """The socket of a client, which waits, and is not told so again before each request."""

    __slots__ = ()

    def __init__(self, client: socket.socket) -> None:
        super().__init__(client.family, client.type, client.proto, client.detach())
        super().setblocking(True)

    def setblocking(self, flag: bool) -> None:
        """As it is asked for before each request, and has mostly been so before."""
        if flag != self.getblocking():
            super().setblocking(flag)


class Answer(Response):  # type: ignore[misc]  # gunicorn has no types
    """An answer whose head leaves together with what follows it, and is looked through once as a whole."""

    headers_sent: bool
    _head = b""

    @property
    def has_begun(self) -> bool:
        """Whether any of it has left."""
        return self.headers_sent and not self._head

    def process_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        """Take the headers of the service, which are of the message and not of the connection. Raises ValueError."""
        for name, value in headers:
            if name.lower() == "content-length":
                self.response_length = int(value)
            elif name.lower() in hop_headers:
                raise InvalidResponseHeaderName(name)
        self.headers = [*headers]

    def send_headers(self) -> None:
        """Have the head go with what is sent next. Raises InvalidResponseHeader."""
        if self.headers_sent:
            return
        lines = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        if not _LINES.fullmatch(lines) or lines.count("\n") != len(self.headers):
            # A value may be nobody else's business, so none is named.
            raise InvalidResponseHeader("a header of the answer")
        self._head = f"{''.join(self.default_headers())}{lines}\r\n".encode("latin-1")
        self.headers_sent = True

    def send(self, body: Any) -> None:
        """Send the body that the application gives, whole, and let go of it. Raises OSError."""
        try:
            if isinstance(body, FileWrapper):
                self.write_file(body)
            else:
                for part in body:
                    self.write(part)
            self.close()
        finally:
            if hasattr(body, "close"):
                body.close()

    def close(self) -> None:
        """End it. Raises OSError."""
        self.send_headers()
        self._flush()
        super().close()

    def sendfile(self, respiter: Any) -> bool:
        """Send a file, where it is one. Raises OSError."""
        self.send_headers()
        self._flush()
        return bool(super().sendfile(respiter))

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self._flush()
            super()._emit_body(data)
        else:
            head, self._head = self._head, b""
            self.sock.sendall(head + data)

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head:
            self.sock.sendall(head)
