"""The doors behind which a password is hashed have a queue and two threads of their own in each worker.

A flood of logins waits there, and every other request finds its threads as on any other day.
"""

import datetime as dt
import re
from urllib.parse import unquote

from gunicorn.util import split_request_uri

from billing_api import clock
from billing_api.errors import Unavailable
from billing_api.web.arrival import arrived_at
from billing_api.web.request import Request

THREADS = 2
"""As many hashes as a worker computes at once."""
PATIENCE = dt.timedelta(seconds=10)
"""Whoever has stood in the queue for so long has mostly gone; to hash for them would keep all behind them waiting."""

_METHODS = ("POST ", "PUT ")
_DOORS = ("POST /v1/auth/", "PUT /v1/me/password", "POST /v1/me/second-factor")
_QUICK = re.compile(r"POST /v1/(auth/(refresh|logout|token|password-reset)|me/second-factor/verify)")
"""Those of them that hash nothing."""


class TooManyWaiting(Unavailable):
    """So many are logging in or signing up at this moment that this request has waited for too long. Nothing was done;
    wait for as long as `Retry-After` says and send it again."""

    code = "too-many-waiting"
    title = "Too many are waiting at this door"


def refuse_late(request: Request) -> None:
    """Refuse who has waited for too long, before anything is done for them. Raises TooManyWaiting."""
    if is_door(request.method, request.path) and clock.now() - arrived_at(request) > PATIENCE:
        raise TooManyWaiting(retry_after=5)


def is_slow(words: bytes) -> bool:
    """Whether a request that begins with these words may be for one of these doors, however its address is written.

    One whose first line comes in pieces may be: else it would be let in before it has said where it wants to go.
    """
    # gunicorn passes over an empty line before the first one, as RFC 9112, section 2.2, would have it.
    line, end, _ = words.lstrip(b"\r\n").decode("latin-1").partition("\n")
    if not end:
        return any(method.startswith(line) or line.startswith(method) for method in _METHODS)
    method, _, rest = line.partition(" ")
    return is_door(method, _path(rest.partition(" ")[0]))


def is_door(method: str, path: str) -> bool:
    """Whether a password is hashed behind this method at this path."""
    asked = f"{method} {path}"
    return asked.startswith(_DOORS) and not _QUICK.fullmatch(asked)


def _path(target: str) -> str:
    """Where the target of a request leads: as gunicorn takes it apart, with or without a host, and with one slash at
    its beginning, as werkzeug has it."""
    try:
        path = split_request_uri(target).path
    except ValueError:
        # gunicorn refuses it for the same reason.
        return ""
    return "/" + unquote(path, "latin-1").lstrip("/")
