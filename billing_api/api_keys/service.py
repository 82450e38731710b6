"""The life of an API key: made, used, renamed, revoked; and how a request's secret becomes a principal."""

import datetime as dt
import hmac
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from billing_api import clock, opaque_tokens
from billing_api.api_keys import governing
from billing_api.api_keys.models import ApiKey
from billing_api.audit_log.service import note, record_and_note
from billing_api.database import db, enter, find, reveal, savepoint, transaction
from billing_api.domain.access import Principal
from billing_api.errors import Fault, Forbidden, Invalid
from billing_api.organizations import service as organizations
from billing_api.unit_of_work import Actor, unit
from billing_api.users import service as users

_FORM = re.compile(r"bk_[A-Za-z0-9_-]{43}")
_HINT = 7
"""So many of the first characters are shown; what is left cannot be guessed."""
_NOTED_EACH = dt.timedelta(minutes=1)
"""A key's use is written down so often by each process, and not with each request."""
_REMEMBERED = 1_000
"""So many keys a process knows at once."""


class ScopeNotHeld(Forbidden):
    """A key can do at most what the one who makes it may do. `errors` names the scopes that you do not have: leave them
    out, or ask somebody with a higher role."""

    code = "scope-not-held"
    title = "A key cannot reach further than its maker"


class ExpiryBeyondMaker(Forbidden):
    """A key that makes another one lends it no longer life than its own. Give an `expires_at` that is not after that of
    the key which asks."""

    code = "expiry-beyond-maker"
    title = "A key cannot outlast the key that makes it"


class ExpiryInPast(Invalid):
    """The key would have expired before it was made. Give a later time, or none."""

    code = "expiry-in-past"
    title = "The expiry has passed already"


@dataclass(frozen=True, slots=True)
class Known:
    """What a process remembers of a key: whom it speaks for, and until when; not whether it was revoked."""

    principal: Principal
    expires_at: dt.datetime | None
    noted_at: dt.datetime

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= clock.now()

    def lifetime_of_token(self, longest: dt.timedelta) -> dt.timedelta:
        """How long a token holds that the key is exchanged for now: never longer than the key itself."""
        return longest if self.expires_at is None else min(longest, self.expires_at - clock.now())


_known: OrderedDict[str, Known] = OrderedDict()
_refused: OrderedDict[uuid.UUID, dt.datetime] = OrderedDict()
"""When the refusal of a key was last noted."""


def create(values: Mapping[str, Any], maker: Principal) -> ApiKey:
    """A new key; its `secret` is known this once.

    Raises:
        ScopeNotHeld: it would reach further than its maker.
        ExpiryBeyondMaker: it would outlast the key that makes it.
        ExpiryInPast: it would never be good.
        Unauthenticated: the maker was disabled, given another role, or revoked just now.
    """
    users.hold(maker)
    _refuse_beyond(values["scopes"], maker)
    _refuse_longer(values["expires_at"], maker)
    secret = opaque_tokens.new("bk")
    key = ApiKey(
        name=values["name"],
        hint=secret[:_HINT],
        digest=opaque_tokens.digest(secret),
        scopes=sorted(set(values["scopes"])),
        expires_at=values["expires_at"],
        created_by_id=unit().actor.id,
    )
    db.session.add(key)
    db.session.flush()
    record_and_note("api_key.created", key, scopes=key.scopes)
    # Of a key that is only tried there is nothing to hand out.
    key.secret = None if unit().is_dry_run else secret
    return key


def search(filters: Mapping[str, Any]) -> sa.Select[Any]:
    """Keys; those that were revoked only when they are asked for."""
    query = sa.select(ApiKey).where(ApiKey.organization_id == unit().tenant)
    if filters["revoked"] == "any":
        return query
    return query.where(ApiKey.revoked_at.is_not(None) if filters["revoked"] == "true" else ApiKey.revoked_at.is_(None))


def read(id: uuid.UUID) -> ApiKey:
    """A key, revoked ones too. Raises NotFound."""
    return find(ApiKey, id)


def rename(
    id: uuid.UUID, change: Callable[[ApiKey], Mapping[str, Any]], expected: Collection[int] | None = None
) -> ApiKey:
    """Give a key another name: nothing else of it changes."""
    key = find(ApiKey, id, lock=True, expected=expected)
    name = change(key)["name"]
    if name != key.name:
        key.name = name
        record_and_note("api_key.updated", key, changed=["name"])
    db.session.flush()
    return key


def revoke(id: uuid.UUID, expected: Collection[int] | None = None) -> None:
    """Refuse the key, and every token that it was exchanged for, from the next request on. Raises NotFound,
    PreconditionFailed."""
    key = find(ApiKey, id, lock=True, expected=expected)
    if key.revoked_at is None:
        governing.end(key, "asked")
    db.session.flush()


def principal_of(secret: str) -> Principal | None:
    """Whom a key speaks for; None where it is unknown, has expired, or was revoked."""
    known = _remembered(secret)
    return known.principal if known else None


def client(id: str, secret: str) -> Known | None:
    """The key that is both this client and this secret, or None. It is looked up each time: no guard comes after."""
    known = _looked_up(opaque_tokens.digest(secret), clock.now(), id) if _FORM.fullmatch(secret) else None
    return None if known is None or known.has_expired else known


def _refuse_beyond(scopes: Sequence[str], maker: Principal) -> None:
    detail = "You do not have this scope."
    beyond = [index for index, scope in enumerate(scopes) if not maker.may(scope)]
    if beyond:
        raise ScopeNotHeld(faults=[Fault("scope-not-held", detail, f"/scopes/{index}") for index in beyond])


def _refuse_longer(expires_at: dt.datetime | None, maker: Principal) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise ExpiryInPast(faults=[Fault("expiry-in-past", "A time to come belongs here.", "/expires_at")])
    if maker.actor_type != "api_key":
        return
    latest = find(ApiKey, maker.actor_id).expires_at
    if latest is not None and (expires_at is None or expires_at > latest):
        detail = "It may not be after that of the key which asks."
        raise ExpiryBeyondMaker(faults=[Fault("expiry-beyond-maker", detail, "/expires_at")])


def _remembered(secret: str) -> Known | None:
    """What is known of a key: looked up when it is new here, and again once a minute, when its use is written down.

    In between a request costs no round trip of its own: the guard ahead of its first statement refuses a key that was
    revoked meanwhile.
    """
    if not _FORM.fullmatch(secret):
        return None
    digest, now = opaque_tokens.digest(secret), clock.now()
    known = _known.get(digest)
    if known is None or not dt.timedelta(0) <= now - known.noted_at < _NOTED_EACH:
        known = _looked_up(digest, now)
        _remember(digest, known)
    return None if known is None or known.has_expired else known


def _looked_up(digest: str, now: dt.datetime, client_id: str | None = None) -> Known | None:
    """What the database says of a key, whose use is written down; None where it does not hold, or, when a client names
    itself, is not this client."""
    with transaction():
        reveal("api_key_digest", digest)
        key = db.session.scalars(sa.select(ApiKey).where(ApiKey.digest == digest)).one_or_none()
        if key is None:
            return None
        enter(key.organization_id, Actor("api_key", key.id))
        known = Known(_principal(key), key.expires_at, now)
        # Its id is no secret; it is compared like one all the same, as whatever a client proves itself with.
        is_client = client_id is None or hmac.compare_digest(str(key.id).encode(), client_id.encode())
        if organizations.current().closed_at is not None or not is_client:
            return None
        if key.revoked_at is not None or known.has_expired:
            _note_refusal(key, now)
            return None
        _note_use(key, now)
        return known


def _principal(key: ApiKey) -> Principal:
    return Principal(
        organization_id=key.organization_id,
        actor_type="api_key",
        actor_id=key.id,
        scopes=frozenset(key.scopes),
        client_id=str(key.id),
    )


def _note_refusal(key: ApiKey, now: dt.datetime) -> None:
    """Note, once an hour in each process, that somebody tries a key which does not hold any more."""
    last = _refused.get(key.id)
    if last is not None and _hour(last) == _hour(now):
        return
    _refused[key.id] = now
    while len(_refused) > _REMEMBERED:
        _refused.popitem(last=False)
    with suppress(DBAPIError), savepoint():
        note("api_key.refused", key, reason="revoked" if key.revoked_at is not None else "expired")


def _note_use(key: ApiKey, now: dt.datetime) -> None:
    """Write down that a key is used, and, once an hour or when it comes from another place, note it in the audit log.
    Not its version: it is no change of the key. Where the database takes no writes just now, a request that reads goes
    on all the same."""
    address = unit().client.address
    noted = (
        sa.update(ApiKey)
        .where(ApiKey.organization_id == unit().tenant, ApiKey.id == key.id)
        .values(last_used_at=now, last_used_address=address, updated_at=ApiKey.updated_at)
        .execution_options(synchronize_session=False)
    )
    last = key.last_used_at
    is_elsewhere = key.last_used_address != address and (last is None or now - last >= _NOTED_EACH)
    is_news = is_elsewhere or last is None or _hour(last) != _hour(now)
    with suppress(DBAPIError), savepoint():
        db.session.execute(noted)
        if is_news:
            note("api_key.used", key)


def _hour(instant: dt.datetime) -> dt.datetime:
    return instant.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)


def _remember(digest: str, known: Known | None) -> None:
    if known is None:
        _known.pop(digest, None)
        return
    _known[digest] = known
    _known.move_to_end(digest)
    while len(_known) > _REMEMBERED:
        _known.popitem(last=False)
