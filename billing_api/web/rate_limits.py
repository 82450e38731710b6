"""How many requests a minute: each credential has its own measure, and who has none shares that of their address.

Each worker counts for itself, in its memory: a limit is there to keep one client from taking everything, and a count
that all workers shared would cost each request a round trip. Health, metrics and documentation are not counted.
"""

import ipaddress
from contextlib import suppress
from functools import lru_cache

from flask import Flask, current_app

from billing_api.domain.access import Principal
from billing_api.errors import TooManyRequests
from billing_api.web.counts import Counter, Standing
from billing_api.web.errors import problem
from billing_api.web.request import Request
from billing_api.web.response import Response
from billing_api.web.tokens import REMEMBERED

_SHARED_BITS = 64
"""Whoever has one address of IPv6 has as a rule all that begin with the same 64 bits."""
_LONGEST_NAME = 64
"""So many characters are kept of what a proxy names in place of an address, such as `unknown`."""


class RateLimited(TooManyRequests):
    """More requests in this minute than one credential may make, or, without a good one, than one address may. Nothing
    was done. Wait for as long as `Retry-After` says; `RateLimit` tells with every answer how many are left."""

    code = "rate-limited"
    title = "Too many requests in this minute"


def init_app(app: Flask) -> None:
    """Begin to count."""
    app.extensions["rate_limits"] = Counter()


def count_stranger(request: Request) -> None:
    """Count whoever comes to a public door, before it opens. Raises RateLimited."""
    if getattr(request.view, "is_public", False) and _has_limits(request):
        _count_address(request)
        if request.standing and request.standing.is_over:
            raise _refusal(request.standing)


def count(request: Request, principal: Principal) -> None:
    """Count a request of this credential, once, however often it has to be run. Raises RateLimited."""
    if request.is_counted:
        return
    # Also where any number is let through: what has a good credential never counts for its address.
    request.is_counted = True
    if quota := current_app.config["BILLING_RATE_LIMIT"]:
        request.standing = _counter().hit("default", quota, _name(principal))
        if request.standing.is_over:
            raise _refusal(request.standing)


def tell(request: Request, answer: Response) -> Response:
    """Give the answer the headers of the policy that its request was counted under. One whose credential was refused,
    or not even looked at, counts for its address now; what it has done by then, if anything, is not told otherwise."""
    if not _has_limits(request):
        return answer
    is_of_address = request.standing and request.standing.policy == "address"
    if not request.is_counted or (answer.status_code == 401 and not is_of_address):
        _count_address(request)
        if request.standing and request.standing.is_over and answer.status_code >= 400:
            answer = problem(_refusal(request.standing))
    if request.standing:
        answer.beside += request.standing.headers
    return answer


def address_block(address: str | None) -> str:
    """What is counted as one address: of IPv6 the first 64 bits, of a name that is none the first characters."""
    with suppress(ValueError):
        found = ipaddress.ip_address((address or "").partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address):
            mapped = found.ipv4_mapped
            return str(mapped or ipaddress.ip_network((found.packed, _SHARED_BITS), strict=False))
        return str(found)
    return (address or "")[:_LONGEST_NAME]


@lru_cache(maxsize=REMEMBERED)
def _name(principal: Principal) -> str:
    return f"default/{principal.organization_id}/{principal.actor_id}"


def _refusal(standing: Standing) -> RateLimited:
    return RateLimited(headers={"Retry-After": str(standing.seconds)})


def _count_address(request: Request) -> None:
    request.is_counted, request.standing = True, None
    if quota := current_app.config["BILLING_RATE_LIMIT_ADDRESS"]:
        name = f"address/{address_block(request.remote_addr)}"
        request.standing = _counter().hit("address", quota, name)


def _has_limits(request: Request) -> bool:
    return request.path.startswith("/v1/") and request.method != "OPTIONS"


def _counter() -> Counter:
    found: Counter = current_app.extensions["rate_limits"]
    return found
