"""Safe retries: the reply to a POST under an Idempotency-Key is stored in the transaction of its effect.

A key is locked before anything is looked at. Of two requests at once the second waits for the first to end, and then
finds either its stored reply or, where the first was refused or died, nothing, and runs. So a row stands only with a
complete reply, and no state "in progress" can be left behind.
"""

import datetime as dt
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

import orjson
import sqlalchemy as sa
from flask import Response, current_app, g, request
from flask_smorest.utils import get_appcontext
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from billing_api import clock
from billing_api.database import Instant, Model, db
from billing_api.errors import Conflict, Fault, Invalid, Malformed
from billing_api.unit_of_work import unit
from billing_api.web.errors import LOCK_NOT_AVAILABLE, sqlstate
from billing_api.web.json import canonical
from billing_api.web.parser import body_of
from billing_api.web.reach import InsufficientScope

KEPT = dt.timedelta(hours=72)
_FORM = re.compile(r"[\x21-\x7e]{1,255}")
_REPLAYED = ("Content-Type", "Location", "ETag")
_REAPED_AT_ONCE = 5


class IdempotencyKeyMalformed(Malformed):
    """An Idempotency-Key is 1 to 255 visible ASCII characters. Take a random UUID, and the same one for each retry."""

    code = "idempotency-key-malformed"
    title = "The Idempotency-Key is malformed"


class IdempotencyKeyReused(Invalid):
    """This key stands for another request already. Take a new key for a new request."""

    code = "idempotency-key-reused"
    title = "The Idempotency-Key was used for another request"


class IdempotencyKeyInProgress(Conflict):
    """A request with this key is still being worked on. Wait for as long as `Retry-After` says and send it again."""

    code = "idempotency-key-in-progress"
    title = "A request with this Idempotency-Key is in progress"


class StoredReply(Model):
    """The reply that a key stands for; the actor is a user or an API key."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
        sa.CheckConstraint("status BETWEEN 200 AND 299", name="status_is_success"),
        sa.Index("ix_idempotency_keys_organization_id_created_at", "organization_id", "created_at"),
        sa.Index("ix_idempotency_keys_created_at", "created_at"),
        sa.Index("ix_idempotency_keys_organization_id_about_id", "organization_id", "about_id"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("organizations.id"), primary_key=True)
    actor_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    key: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(sa.Text)
    """The digest of the request as processes of before compare it, a blank, and that of its canonical form. Where they
    wrote it, the first stands alone; of before migration 0040 its scopes stand behind it, with blanks between."""
    scopes: Mapped[list[str] | None] = mapped_column(postgresql.ARRAY(sa.Text))
    """Those of the principal whom it was given to; None in replies of before migration 0040."""
    status: Mapped[int] = mapped_column(sa.SmallInteger)
    headers: Mapped[dict[str, str]] = mapped_column(sa.JSON)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    about_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    """The customer whom the body names, or else the object that it shows."""
    created_at: Mapped[Instant] = mapped_column()


def once(view: Callable[..., Any], secrets: Collection[str] = ()) -> Callable[..., Any]:
    """Run the view once for each key; without a key, or in a dry run, just run it. Members that are `secrets` are shown
    to the first request alone: the reply is stored, and given again, with null in their places."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, **kwargs)
        if not _FORM.fullmatch(key):
            raise IdempotencyKeyMalformed(
                faults=[Fault("wrong-format", "1 to 255 visible ASCII characters.", parameter="Idempotency-Key")]
            )
        if unit().is_dry_run:
            return view(*args, **kwargs)
        fingerprint = _fingerprint()
        if stored := _claim(key):
            return _replay(stored, fingerprint)
        answer = current_app.make_response(view(*args, **kwargs))
        if answer.status_code < 300:
            _store(key, fingerprint, answer, _without(secrets, answer.get_data()))
        return answer

    return wrapper


def forget_replies(about_id: uuid.UUID) -> None:
    """Forget the replies about a customer, or another object; a retry of one runs again. Those that are locked are
    being reaped already."""
    query = (
        sa.select(StoredReply)
        .where(StoredReply.organization_id == unit().tenant, StoredReply.about_id == about_id)
        .with_for_update(skip_locked=True)
    )
    for stored in db.session.scalars(query):
        db.session.delete(stored)
    db.session.flush()


def _fingerprint() -> str:
    """Two digests of method, path, query and the JSON without regard to how it is written; in the first, which is for
    what was or will be stored by a process of before the second, the way of writing a fraction counts, and its text is
    not told from it. It can go 72 hours after the last of those processes has."""
    body = body_of(request)
    former = json.dumps(body, sort_keys=True, default=str)
    query = sorted(request.args.items(multi=True))
    wholes = (repr((request.method, request.path, query, form)) for form in (former, canonical(body)))
    return " ".join(hashlib.sha256(whole.encode()).hexdigest() for whole in wholes)


def _claim(key: str) -> StoredReply | None:
    """Lock the key to the end of the transaction and look for its reply, which the lock's last holder has committed."""
    owner = (unit().tenant, unit().actor.id, key)
    digest = hashlib.sha256(repr(owner).encode()).digest()
    try:
        db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(int.from_bytes(digest[:8], signed=True))))
    except DBAPIError as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise IdempotencyKeyInProgress(headers={"Retry-After": "1"}) from None
        raise
    stored = db.session.get(StoredReply, owner)
    if stored is not None and stored.created_at < clock.now() - KEPT:
        # Not as an object, of which exactly one row must go: the reaper may have been quicker.
        db.session.expunge(stored)
        keys = (StoredReply.organization_id, StoredReply.actor_id, StoredReply.key)
        db.session.execute(sa.delete(StoredReply).where(sa.tuple_(*keys) == sa.tuple_(*owner)))
        return None
    return stored


def _replay(stored: StoredReply, fingerprint: str) -> Response:
    former, digest = fingerprint.split()
    first, *behind = stored.fingerprint.split()
    scopes = behind if stored.scopes is None else stored.scopes
    is_of_before = stored.scopes is None or not behind
    if (first != former) if is_of_before else (behind != [digest]):
        raise IdempotencyKeyReused()
    if lacking := [scope for scope in scopes if not g.principal.may(scope)]:
        raise InsufficientScope(lacking, "What was answered under this Idempotency-Key")
    answer = Response(stored.body, status=stored.status)
    answer.headers.update(stored.headers)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _without(secrets: Collection[str], body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body) | dict.fromkeys(secrets)) if secrets else body


def _store(key: str, fingerprint: str, answer: Response, body: bytes) -> None:
    """Keep the reply, and let a few that are too old go with the same statement."""
    now = clock.now()
    db.session.execute(
        sa.insert(StoredReply)
        .values(
            organization_id=unit().tenant,
            actor_id=unit().actor.id,
            key=key,
            fingerprint=fingerprint,
            scopes=sorted(g.principal.scopes),
            status=answer.status_code,
            headers={name: answer.headers[name] for name in _REPLAYED if name in answer.headers},
            body=body,
            about_id=_about(),
            created_at=now,
        )
        .add_cte(_reaped(now - KEPT))
    )


def _reaped(before: dt.datetime) -> sa.CTE:
    """The end of a few replies from before then: skipping locked ones, so that reapers never wait or meet."""
    old = (
        sa.select(StoredReply.actor_id, StoredReply.key)
        .where(StoredReply.organization_id == unit().tenant, StoredReply.created_at < before)
        .limit(_REAPED_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    return (
        sa.delete(StoredReply)
        .where(sa.tuple_(StoredReply.actor_id, StoredReply.key).in_(sa.select(old.c.actor_id, old.c.key)))
        .returning(StoredReply.key)
        .cte("reaped")
    )


def _about() -> str | None:
    dump = get_appcontext().get("result_dump")
    return (dump.get("customer_id") or dump.get("id")) if isinstance(dump, dict) else None
