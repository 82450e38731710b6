"""The organization's own affairs."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa

from billing_api import clock
from billing_api.audit_log.service import note, record_and_note
from billing_api.database import db
from billing_api.errors import Conflict, Fault, Invalid, NotFound, PreconditionFailed
from billing_api.events.models import EventCounter
from billing_api.events.service import record
from billing_api.organizations.models import Organization
from billing_api.reading import Shape
from billing_api.unit_of_work import unit


class NameNotConfirmed(Invalid):
    """An organization is closed by whoever can say its name: send `name` exactly as `GET /v1/organization` shows it."""

    code = "name-not-confirmed"
    title = "This is not the name of the organization"


class OrganizationClosed(Conflict):
    """The organization is closed: nobody comes in, and nothing more is recorded. Ask its operator to open it again,
    with `billing-api organizations reopen`."""

    code = "organization-closed"
    title = "The organization is closed"


# fmt: off
_CREDIT_NOTE_COUNTRIES = frozenset({
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})
# fmt: on
"""The EU, the UK and Switzerland, where an issued invoice is cancelled by a credit note."""


# fmt: off
_RULES = frozenset({
    "books_locked_until", "cancellation_mode", "country", "default_currency", "net_terms_days", "require_if_match",
    "require_second_factor", "tax_currency", "tax_registered", "time_zone",
})
# fmt: on
"""Members that say how the organization works. All others are texts, or say who it is: personal where it is one person,
and nobody's business in a log that is never changed."""


WHOLE = Shape(Organization)
_on_founded: list[Callable[[Organization], None]] = []


def on_founded(prepare: Callable[[Organization], None]) -> Callable[[Organization], None]:
    """Have a new organization prepared by a resource to the right, which this one does not know."""
    _on_founded.append(prepare)
    return prepare


def found(id: uuid.UUID, *, name: str, country: str, currency: str, time_zone: str) -> Organization:
    """Found an organization, whose tenant must have been entered, with its event counter."""
    organization = Organization(
        id=id,
        name=name,
        country=country,
        default_currency=currency,
        time_zone=time_zone,
        cancellation_mode="credit_note" if country in _CREDIT_NOTE_COUNTRIES else "void",
    )
    db.session.add(organization)
    db.session.flush()
    db.session.add(EventCounter(organization_id=id))
    db.session.flush()
    record_and_note("organization.created", organization)
    for prepare in _on_founded:
        prepare(organization)
    return organization


def current(*, lock: bool = False, keep: bool = False, expected: Collection[int] | None = None) -> Organization:
    """The organization of this unit of work; `keep` lets nobody change it before the commit.

    Raises:
        PreconditionFailed: it stands at another version than the expected ones.
    """
    organization: Organization | None = _locked() if lock else WHOLE.at_hand(unit().tenant, "freeze" if keep else None)
    if organization is None:
        raise NotFound()
    if expected is not None and organization.version not in expected:
        raise PreconditionFailed()
    return organization


def _locked() -> Organization | None:
    query = sa.select(Organization).where(Organization.id == unit().tenant).with_for_update(key_share=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def edit(change: Callable[[Organization], dict[str, Any]], expected: Collection[int] | None = None) -> Organization:
    """Change the organization to what `change` makes of it."""
    organization = current(lock=True, expected=expected)
    values = change(organization)
    changed = [name for name, value in values.items() if getattr(organization, name) != value]
    turned = _turned(organization, {name: values[name] for name in changed})
    for name in changed:
        setattr(organization, name, values[name])
    if changed:
        record("organization.updated", organization, changed=changed)
        note("organization.updated", organization, changed=changed, **turned)
    db.session.flush()
    return organization


def open_one() -> Organization:
    """The organization of this unit of work, for those who come without a session. Raises OrganizationClosed."""
    organization = current()
    if organization.closed_at is not None:
        raise OrganizationClosed()
    return organization


def close(name: str, expected: Collection[int] | None = None) -> Organization:
    """Close the organization: its sessions, logins and keys are refused from now on, and what was let in before but
    commits later is undone. Its data stay.

    Raises:
        PreconditionFailed: it stands at another version than the expected ones.
        NameNotConfirmed: it is called otherwise.
    """
    organization = current(lock=True, expected=expected)
    if organization.name != name:
        fault = Fault("name-not-confirmed", "The organization has another name.", "/name")
        raise NameNotConfirmed(faults=[fault])
    if organization.closed_at is None:
        organization.closed_at = clock.now()
        record_and_note("organization.closed", organization)
    db.session.flush()
    return organization


def reopen() -> Organization:
    """Open the organization again, for its operator; sessions and keys that had not ended themselves hold again."""
    organization = current(lock=True)
    if organization.closed_at is not None:
        organization.closed_at = None
        record_and_note("organization.reopened", organization)
    db.session.flush()
    return organization


def _turned(organization: Organization, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Of each rule among these values what it is and what it becomes, as JSON can hold it."""
    both = {name: (getattr(organization, name), value) for name, value in values.items() if name in _RULES}
    return {name: [one.isoformat() if isinstance(one, dt.date) else one for one in each] for name, each in both.items()}
