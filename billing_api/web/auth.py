"""The guard before every door: a credential becomes a principal, and the principal the tenant of the transaction."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from flask import g
from werkzeug.exceptions import HTTPException

from billing_api import database
from billing_api.domain.access import NO_ROLE, SCOPES, Principal, role_of
from billing_api.errors import BillingError
from billing_api.statement import Statement
from billing_api.unit_of_work import Actor, unit
from billing_api.web import rate_limits
from billing_api.web.app import SAFE
from billing_api.web.credentials import authenticate
from billing_api.web.idempotency import once
from billing_api.web.reach import InsufficientScope, SecondFactorEnrolmentRequired, insist
from billing_api.web.request import Request, current_request
from billing_api.web.tokens import REMEMBERED

View = Callable[..., Any]


def requires(
    *scopes: str,
    stores: bool = True,
    shows_once: tuple[str, ...] = (),
    matches: bool | None = None,
    asks_first: bool = True,
    refusals: tuple[int, ...] = (),
) -> Callable[[View], View]:
    """Open a view to principals with all of these scopes; none asks for any good credential.

    A POST behind it honours Idempotency-Key, unless it `stores` nothing (a preview); what it `shows_once` is not stored
    with its reply. A change, and a deed on what its path names, `matches` If-Match where nothing is said: what has no
    version does not, and a deed on the one object that there is says that it does. A write `asks_first` the database
    whether its credential still holds, and whether it must match If-Match. Not so what makes something new, whose first
    statement takes the question along; or has long work to do before that, during which it must hold no connection.
    `refusals` are statuses that it answers with beside those that follow from its form.

    The view raises Unauthenticated (401) without a good credential, RateLimited (429) with one that asks too often,
    InsufficientScope (403) without the scopes, and SecondFactorEnrolmentRequired (403) in a session without any.
    """
    if unknown := set(scopes) - SCOPES:
        raise LookupError(f"there is no scope {', '.join(sorted(unknown))}")
    marks = {"required_scopes": scopes, "stores_replies": stores, "takes_if_match": matches, "refusals": refusals}

    def decorator(view: View) -> View:
        posted = once(view, shows_once) if stores else view
        return _marked(_guarded(view, posted, scopes, asks_first=asks_first), is_guarded=True, **marks)

    return decorator


def public(*refusals: int | type[BillingError]) -> Callable[[View], View]:
    """Open a view to everybody, and name the refusals that it knows: their statuses, or themselves where nothing that
    the view calls names them. Said aloud, so that no door is left open."""

    def decorator(view: View) -> View:
        return _marked(view, is_public=True, refusals=refusals)

    return decorator


def admit(request: Request, principal: Principal, *scopes: str, asks_first: bool = True) -> None:
    """Let the principal in: its tenant becomes the transaction's. Raises InsufficientScope.

    The database refuses a session that has ended, or a role that has changed, with the first statement, so that a
    revoked token dies at once and it costs no round trip of its own. A write asks before anything else is looked at,
    and so does whoever lacks a scope: that is told only of a credential that still holds.
    """
    g.principal = principal
    actor = Actor(principal.actor_type, principal.actor_id)
    database.enter(principal.organization_id, actor, guard=_assertion(principal))
    try:
        insist(principal, scopes)
    except (InsufficientScope, SecondFactorEnrolmentRequired):
        database.announce()
        raise
    if request.method not in SAFE and asks_first:
        g.demands_if_match = database.announce()


def also_requires(*scopes: str) -> None:
    """Ask the principal of this request for more than its route does, where the body asks for more. Raises
    InsufficientScope."""
    insist(g.principal, scopes)


def _guarded(view: View, posted: View, scopes: tuple[str, ...], *, asks_first: bool) -> View:
    """The view behind its guard; a POST goes to what is `posted`."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        request = current_request()
        principal = authenticate(request)
        rate_limits.count(request, principal)
        admit(request, principal, *scopes, asks_first=asks_first)
        try:
            return posted(*args, **kwargs) if request.method == "POST" else view(*args, **kwargs)
        except (BillingError, HTTPException):
            # What the view finds wrong is told only to a credential that still holds.
            if not unit().is_announced:
                database.announce()
            raise

    return guarded


def _marked(view: View, **marks: Any) -> View:
    """Write on a door how it is kept: for the document, and for the test of all doors."""
    vars(view).update(marks)
    return view


@lru_cache(maxsize=REMEMBERED)
def _assertion(principal: Principal) -> Statement:
    """What the database is told to refuse, ahead of the first statement."""
    if principal.actor_type == "api_key":
        return Statement("SELECT assert_api_key(%(guarded_key)s)", {"guarded_key": principal.actor_id})
    who = {
        "guarded_session": principal.session_id,
        "guarded_member": principal.actor_id,
        "guarded_role": role_of(principal.scopes) or NO_ROLE,
    }
    return Statement("SELECT assert_session(%(guarded_session)s, %(guarded_member)s, %(guarded_role)s)", who)
