"""How many requests a minute: each credential has its own measure, and who has none shares that of their address.

Each worker counts for itself, in its memory: a limit is there to keep one client from taking everything, and a count
that all workers shared would cost each request a round trip. Health, metrics and documentation are not counted.
"""

import ipaddress
import math
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Timer

from flask import Flask, Response, current_app, g, request
from limits.storage import MemoryStorage

from billing_api import clock
from billing_api.domain.access import Principal
from billing_api.errors import TooManyRequests
from billing_api.web.errors import problem

WINDOW_SECONDS = 60
_SHARED_BITS = 64
"""Whoever has one address of IPv6 has as a rule all that begin with the same 64 bits."""
_LONGEST_NAME = 64
"""So many characters are kept of what a proxy names in place of an address, such as `unknown`."""


class RateLimited(TooManyRequests):
    """More requests in this minute than one credential may make, or, without a good one, than one address may. Nothing
    was done. Wait for as long as `Retry-After` says; `RateLimit` tells with every answer how many are left."""

    code = "rate-limited"
    title = "Too many requests in this minute"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands under a policy after a request of theirs."""

    policy: str
    quota: int
    remaining: int
    seconds: int
    is_over: bool

    @property
    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers, sections 3 and 4."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.seconds}',
        }

    def refusal(self) -> RateLimited:
        return RateLimited(headers={"Retry-After": str(self.seconds)})


class _NoTimer(Timer):
    """In place of the library's, which starts a thread for each request of a quiet minute: a millisecond each."""

    def is_alive(self) -> bool:
        return True


class _Memory(MemoryStorage):
    """Counts in memory, of which those that are over are cleared once in a window, by a request."""

    def __init__(self) -> None:
        super().__init__()
        self.timer = _NoTimer(0, lambda: None)
        self._cleared_at = clock.now()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        if (clock.now() - self._cleared_at).total_seconds() > WINDOW_SECONDS:
            self._cleared_at = clock.now()
            for old, ends in list(self.expirations.items()):
                if ends <= self._cleared_at.timestamp():
                    self.clear(old)
        return super().incr(key, expiry, amount)


class _Counter:
    """The counts of one process. They are begun with its first request and not before: the memory of the process that
    all workers are forked from would be copied, with the locks as they stand, and without the thread that clears it."""

    def __init__(self) -> None:
        self._counts: _Memory | None = None
        self._beginning = Lock()

    def hit(self, policy: str, quota: int, *names: str) -> Standing:
        with self._beginning:
            if self._counts is None:
                self._counts = _Memory()
        name = "/".join((policy, *names))
        count = self._counts.incr(name, WINDOW_SECONDS)
        seconds = math.ceil(self._counts.get_expiry(name) - clock.now().timestamp())
        return Standing(policy, quota, max(0, quota - count), min(max(1, seconds), WINDOW_SECONDS), count > quota)


def init_app(app: Flask) -> None:
    """Count whoever comes to a public door before it opens, and everybody else at the latest with their answer."""
    app.extensions["rate_limits"] = _Counter()
    app.before_request(_count_stranger)
    app.after_request(_tell)


def count(principal: Principal) -> None:
    """Count a request of this credential, once, however often it has to be run. Raises RateLimited."""
    if g.get("is_counted"):
        return
    # Also where any number is let through: what has a good credential never counts for its address.
    g.is_counted = True
    if quota := current_app.config["BILLING_RATE_LIMIT"]:
        names = (str(principal.organization_id), str(principal.actor_id))
        g.standing = _counter().hit("default", quota, *names)
        if g.standing.is_over:
            raise g.standing.refusal()


def address_block(address: str | None) -> str:
    """What is counted as one address: of IPv6 the first 64 bits, of a name that is none the first characters."""
    with suppress(ValueError):
        found = ipaddress.ip_address((address or "").partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address):
            mapped = found.ipv4_mapped
            return str(mapped or ipaddress.ip_network((found.packed, _SHARED_BITS), strict=False))
        return str(found)
    return (address or "")[:_LONGEST_NAME]


def _count_stranger() -> None:
    _forget()
    view = current_app.view_functions.get(request.endpoint or "")
    if _has_limits() and getattr(view, "is_public", False):
        _count_address()
        if "standing" in g and g.standing.is_over:
            raise g.standing.refusal()


def _tell(answer: Response) -> Response:
    """The headers of the policy that the request was counted under. One whose credential was refused, or not even
    looked at, counts for its address now; what it has done by then, if anything, is not told otherwise."""
    if not _has_limits():
        return answer
    if answer.status_code == 401 and getattr(g.get("standing"), "policy", None) != "address":
        _forget()
    if not g.get("is_counted"):
        _count_address()
        if "standing" in g and g.standing.is_over and answer.status_code >= 400:
            answer = problem(g.standing.refusal())
    if "standing" in g:
        answer.headers.update(g.standing.headers)
    return answer


def _forget() -> None:
    g.pop("standing", None)
    g.pop("is_counted", None)


def _count_address() -> None:
    g.is_counted = True
    if quota := current_app.config["BILLING_RATE_LIMIT_ADDRESS"]:
        g.standing = _counter().hit("address", quota, address_block(request.remote_addr))


def _has_limits() -> bool:
    return request.path.startswith("/v1/") and request.method != "OPTIONS"


def _counter() -> _Counter:
    found: _Counter = current_app.extensions["rate_limits"]
    return found
