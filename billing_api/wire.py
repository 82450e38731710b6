"""The wire to a client: how requests are read from it and answers written to it, with few calls into the kernel. Each
of these lets go of the interpreter, and waits to get it back from other threads."""

import socket
from typing import Any

from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

_HEAD_BYTES = 8192


def take_words(conn: TConn) -> bytes | None:
    """What a client has sent of its next request, as much as a head may be, which its reader now has; None when it has
    sent nothing yet, and nothing more will come where that is empty."""
    try:
        words: bytes = conn.sock.recv(_HEAD_BYTES, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    conn.parser.unreader.buf.write(words)
    return words


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


class AnswerSocket(socket.socket):
    """The socket of a client, by which the head of an answer leaves together with what follows it."""

    __slots__ = ("_head", "_holds")

    def __init__(self, client: socket.socket) -> None:
        super().__init__(client.family, client.type, client.proto, client.detach())
        super().setblocking(True)
        self._head: bytes | None = None
        self._holds = False

    def hold(self) -> None:
        """Keep what is sent next, until something follows it or it is let go."""
        self._holds = True

    def let_go(self) -> None:
        """Send what is kept. Raises OSError."""
        self._holds = False
        if self._head:
            self.sendall(b"")

    def sendall(self, data: Any, flags: int = 0) -> None:
        """All of it, behind what is kept. Raises OSError."""
        if self._holds:
            self._head, self._holds = data, False
            return
        head, self._head = self._head, None
        super().sendall(head + data if head else data, flags)

    def sendfile(self, *args: Any, **kwargs: Any) -> int:
        """A file, behind what is kept. Raises OSError."""
        self.let_go()
        return super().sendfile(*args, **kwargs)

    def setblocking(self, flag: bool) -> None:
        """As it is asked for before each request, and has mostly been so before."""
        if flag != self.getblocking():
            super().setblocking(flag)
