"""When a request came in, as the kernel saw its last bytes and not when a thread found the time for it; and whence."""

import datetime as dt
import socket
import struct
import sys

from billing_api import clock
from billing_api.unit_of_work import Client
from billing_api.web.request import Request

_LAST_DATA_RECEIVED = struct.Struct("=52xI")
"""`tcpi_last_data_recv` of Linux's `struct tcp_info`: milliseconds since the last bytes came in."""
_TICK_MS = 4
"""The kernel counts in ticks of up to so many milliseconds, as a rule."""

_LONGEST_AGENT = 255
"""What a browser calls itself has some 120 characters; what is longer tells no more."""


def arrived_at(request: Request) -> dt.datetime:
    """The instant before which a request was sent, to a tick; where nobody knows, now.

    It is never earlier than the truth, so that what was sent after an answer counts as sent after it.
    """
    now = clock.now()
    connection = request.environ.get("gunicorn.socket")
    if sys.platform != "linux" or not isinstance(connection, socket.socket):
        return now
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED.size)
        (waited_ms,) = _LAST_DATA_RECEIVED.unpack(info)
    except (OSError, struct.error):
        return now
    return now - dt.timedelta(milliseconds=max(0, waited_ms - _TICK_MS))


def client(request: Request) -> Client:
    """Where a request came from; as many proxies are believed as the settings say stand in front."""
    return Client(request.remote_addr, request.headers.get("User-Agent", "")[:_LONGEST_AGENT] or None)
