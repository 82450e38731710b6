"""Every refusal of the service, as one drawn tree; rules raise them, the edge alone turns them into answers.

BillingError
├── Malformed             400  cannot be read at all
├── Unauthenticated       401  no credential, or one that does not hold
├── Forbidden             403  the credential does not reach this far
├── NotFound              404  absent, which is also how another tenant's object looks
├── MethodNotAllowed      405
├── NotAcceptable         406
├── Conflict              409  the state, or a uniqueness rule, forbids it
├── PreconditionFailed    412  the object changed since it was read
├── PayloadTooLarge       413
├── AddressTooLong        414
├── UnsupportedMediaType  415
├── ExpectationFailed     417
├── Invalid               422  well-formed, but breaks a rule
├── PreconditionRequired  428
├── TooManyRequests       429  only its leaves are raised
├── HeadersTooLarge       431
├── InternalError         500
├── TransferCodingUnknown 501
└── Unavailable           503  the database is away, or will not take this now

A leaf is born beside its rule: it names its `code` (kebab-case, unique) and `title`, and its docstring is the text
that `/problems/{code}` shows: what it means and what to do about it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: where it stands, a kebab-case code, and a sentence for a person.

    `pointer` is an RFC 6901 pointer into the body; `parameter` names a query parameter, path part or header.
    """

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def below(self, prefix: str) -> "Fault":
        """The same fault of a value that stands at `prefix` in a larger body."""
        return Fault(self.code, self.detail, prefix + (self.pointer or ""), self.parameter)


class BillingError(Exception):
    """The root: never raised itself."""

    status = 500
    code = "internal-error"
    title = "Internal error"
    keeps = False
    """True where the refusal itself writes something that must stay, such as the end of a session."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or f"{self.title}."
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        """Further members of the problem, such as `status` and `allowed` of a refused transition."""


class Malformed(BillingError):
    """The request cannot be read: its JSON, a parameter or a header is broken. `detail` says what is wrong and, in JSON
    that breaks off, at which line and column; wrong parameters and headers stand in `errors` by their names. Mend it
    before it is sent again."""

    status = 400
    code = "malformed-request"
    title = "The request is malformed"


class Unauthenticated(BillingError):
    """The request carries no credential, or one that is not, or no longer, good. Log in with `POST /v1/auth/login`, or,
    when the access token has expired, refresh it with `POST /v1/auth/refresh`; send `Authorization: Bearer <access
    token>`."""

    status = 401
    code = "unauthenticated"
    title = "Authentication is required"


class Forbidden(BillingError):
    """The credential is good, but this deed is not open to it. Ask somebody to whom it is; of `/metrics`, send
    `Authorization: Bearer` with the text of `BILLING_METRICS_TOKEN`."""

    status = 403
    code = "forbidden"
    title = "Not permitted"


class NotFound(BillingError):
    """Nothing stands at this address for the credential that asked. Check the id and the path."""

    status = 404
    code = "not-found"
    title = "Not found"


class MethodNotAllowed(BillingError):
    """The address exists, the method does not. Choose one of those that the `Allow` header lists."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"


class NotAcceptable(BillingError):
    """The `Accept` header admits no form that this address can answer in. Ask for `application/json`; lists and
    reports answer in `text/csv` too."""

    status = 406
    code = "not-acceptable"
    title = "Not acceptable"


class Conflict(BillingError):
    """The state of the object, or a rule of uniqueness, forbids this. Read the object again and decide anew."""

    status = 409
    code = "conflict"
    title = "Conflict"


class PreconditionFailed(BillingError):
    """The object has changed since the version named in `If-Match`: read it again, merge, and send the new ETag. Or it
    is there, or at that very version, although `If-None-Match` asked that it be not, or not there although
    `If-Match: *` asked that it be."""

    status = 412
    code = "precondition-failed"
    title = "The object has changed"


class PayloadTooLarge(BillingError):
    """The body is larger than this address takes: 1 MiB, or 16 MiB where it ends in `/bulk`, or 32 KiB where no
    credential is asked for. Send several smaller ones."""

    status = 413
    code = "payload-too-large"
    title = "The body is too large"

    def __init__(self, limit: int = 2**20) -> None:
        size = f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 2**10} KiB"
        super().__init__(f"A body has at most {size} here, which is {limit:,} bytes.")


class AddressTooLong(BillingError):
    """The first line of the request is longer than 8,190 bytes. Send fewer or shorter filters."""

    status = 414
    code = "address-too-long"
    title = "The address is too long"


class UnsupportedMediaType(BillingError):
    """The body is of a type or encoding that is not read here. Send UTF-8 JSON as `application/json`."""

    status = 415
    code = "unsupported-media-type"
    title = "Unsupported media type"


class ExpectationFailed(BillingError):
    """The `Expect` header asks for something other than `100-continue`. Send the request without it."""

    status = 417
    code = "expectation-failed"
    title = "The expectation cannot be met"


class Invalid(BillingError):
    """The body can be read but breaks a rule. `errors` lists every fault with its JSON pointer; mend them all and
    send it again."""

    status = 422
    code = "validation-failed"
    title = "The request is invalid"


class PreconditionRequired(BillingError):
    """This organization asks for `If-Match` on every change (`require_if_match`). Send the ETag of the version that
    you mean to change."""

    status = 428
    code = "precondition-required"
    title = "If-Match is required"


class TooManyRequests(BillingError):
    """A family of which only the leaves are raised: each says of what there is too much, and when to come again."""

    status = 429


class HeadersTooLarge(BillingError):
    """The request has more than 100 headers, or one of more than 8,190 bytes. Leave out what is not for this service;
    where it is cookies of other services under the same name, delete them."""

    status = 431
    code = "headers-too-large"
    title = "The headers are too large"


class InternalError(BillingError):
    """A fault of the service itself. Nothing was kept, unless it came to pass after all was done. Try again later, with
    the same Idempotency-Key, which gives the first reply where there is one; without a key read first what stands
    there. If it stays, tell the operator the `request_id`, which finds it in the logs."""

    status = 500
    code = "internal-error"
    title = "Internal error"


class TransferCodingUnknown(BillingError):
    """The body comes in a `Transfer-Encoding` other than `chunked`. Send it as it is, with a `Content-Length`, or in
    chunks."""

    status = 501
    code = "transfer-coding-unknown"
    title = "This transfer coding is not known"


class Unavailable(BillingError):
    """The service cannot reach its database, or may not write to it just now. Nothing was kept, unless `detail` says
    that this is not known: then the answer of the database was lost. Try again after `Retry-After` seconds, with the
    same Idempotency-Key, which gives the first reply where there is one; without a key read first what stands there."""

    status = 503
    code = "service-unavailable"
    title = "The service is unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class HeldByAnother(Unavailable):
    """Another request holds what this one needs, such as the counter that gives the numbers while many invoices are
    issued at once, and held it for longer than a request waits. Nothing was kept. Try again after `Retry-After`
    seconds."""

    code = "held-by-another"
    title = "Another request holds what this one needs"


def tree(root: type[BillingError] = BillingError) -> Iterator[type[BillingError]]:
    """Every kind of refusal that is loaded and has a name of its own, depth first; the root is left out."""
    for kind in root.__subclasses__():
        if "code" in vars(kind):
            yield kind
        yield from tree(kind)
