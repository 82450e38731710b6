"""What is answered to a request that the HTTP server could not read, so that no application has seen it."""

from http import HTTPStatus

import orjson
from uuid_utils.compat import uuid7
from werkzeug.http import http_date

from billing_api import clock
from billing_api.errors import (
    AddressTooLong,
    BillingError,
    ExpectationFailed,
    HeadersTooLarge,
    InternalError,
    Malformed,
    TransferCodingUnknown,
)
from billing_api.web import observation
from billing_api.web.errors import PROBLEM_JSON, members_of
from billing_api.web.headers import SECURITY


class UnreadableRequest(Malformed):
    """The HTTP server cannot read the request: its first line, a header, or how long its body is. Either stands twice
    where it may stand once (`Content-Type`, `Content-Length`), or contradicts another, or has characters that do not
    belong there. The connection was closed. Mend the client, or a proxy before it; libraries for HTTP do not send such
    requests by themselves."""

    code = "unreadable-request"
    title = "The request cannot be read as HTTP"


BY_STATUS: dict[int, type[BillingError]] = {
    kind.status: kind
    for kind in (
        UnreadableRequest,
        AddressTooLong,
        ExpectationFailed,
        HeadersTooLarge,
        InternalError,
        TransferCodingUnknown,
    )
}
"""What each status of the HTTP server's own means."""


def answer(status: int, error: Exception) -> bytes:
    """All bytes of the answer with this status, after which the connection ends; it leaves its line in the log.

    Nothing of the request is told: neither its path nor an id that it came with was read.
    """
    refusal, request_id = BY_STATUS[status](), str(uuid7())
    observation.note_unread(status, request_id, error)
    body = orjson.dumps(members_of(refusal, instance="", request_id=request_id))
    headers = {
        "Date": http_date(clock.now()),
        "Connection": "close",
        "Content-Type": PROBLEM_JSON,
        "Content-Length": str(len(body)),
        "X-Request-Id": request_id,
        **SECURITY,
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
