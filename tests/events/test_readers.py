"""Who is shown which events: those about what they may read, and no others."""

import itertools
import re
from pathlib import Path

import pytest
from flask import Flask

from billing_api.database import enter, transaction
from billing_api.domain.access import ROLES, SCOPE_OF, SCOPES
from billing_api.domain.event_types import EVENT_TYPES
from billing_api.events import service
from billing_api.events.service import record
from billing_api.organizations import service as organizations
from tests.auth.holders import ByKey
from tests.auth.test_scopes import asked_for
from tests.events.reading import EVENTS, events
from tests.factories import Tenant, created, sign_up
from tests.web.refusals import refused

HOUSE = Path(service.__file__).parents[1]
PEOPLE = {"user", "session", "invitation"}


@pytest.fixture(scope="module")
def owner(app: Flask) -> Tenant:
    """An owner in whose organization something happened to objects of many kinds, in turns."""
    owner = sign_up(app)
    for n in range(3):
        created(owner.post("/v1/api-keys", {"name": "x", "scopes": ["invoices:read"]}))
        owner.payment(owner.invoice())
        owner.product()
        created(owner.post("/v1/invitations", {"email": f"somebody{n}@example.com", "role": "viewer"}))
        owner.tax_rate()
    return owner


def key(owner: Tenant, *scopes: str) -> ByKey:
    """A service that holds no scope but these."""
    made = created(owner.post("/v1/api-keys", {"name": "x", "scopes": scopes}))
    return ByKey(owner.app, owner.organization_id, owner.user_id, owner.email, "", "", secret=made["secret"])


def kinds(reader: Tenant) -> set[str]:
    return {event["object"]["type"] for event in events(reader)}


def stated() -> set[str]:
    """The facts that the code states: `x.created` and the like, in quotes, beside the verb."""
    code = "".join(path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.py"))
    calls = re.findall(r'\b_?record(?:_and_note)?\(\s*("[^,]+)', code)
    return {type for call in calls for type in re.findall(r'"([a-z_]+[.][a-z_]+)"', call)}


def some(kind: str) -> str:
    """A type of event about such an object."""
    return next(type for type in EVENT_TYPES if type.startswith(f"{kind}."))


@pytest.mark.parametrize("role", ["viewer", "accountant"])
def test_who_may_not_read_people_and_keys_is_not_told_of_them(owner: Tenant, role: str) -> None:
    every = kinds(owner)
    assert every >= {"api_key", "customer", "invoice", "payment", "product", "tax_rate", "organization", *PEOPLE}
    assert kinds(owner.colleague(role)) == every - {"api_key", *PEOPLE}


def test_who_may_read_them_is_told(owner: Tenant) -> None:
    assert events(owner.colleague("admin")) == events(owner)


@pytest.mark.parametrize(("kind", "scope"), SCOPE_OF.items())
def test_a_key_is_told_of_what_it_may_read_alone(owner: Tenant, kind: str, scope: str) -> None:
    reader = key(owner, "events:read", scope)
    shown = [event for event in events(owner) if SCOPE_OF[event["object"]["type"]] == scope]
    assert events(reader) == shown
    assert reader.get(f"{EVENTS}?type={some(kind)}").status_code == 200
    other, needed = next((name, one) for name, one in SCOPE_OF.items() if one != scope)
    both = reader.get(f"{EVENTS}?type={some(kind)},{some(other)}")
    assert asked_for(both) == " ".join(sorted([scope, needed]))


def test_a_key_that_may_read_nothing_else_is_told_nothing(owner: Tenant) -> None:
    assert events(key(owner, "events:read")) == []
    # To read what they are about opens no events either.
    assert asked_for(key(owner, *(SCOPES - {"events:read"})).get(EVENTS)) == "events:read"


@pytest.mark.parametrize(
    ("types", "scopes"),
    [
        ("api_key.created", "api_keys:read"),
        ("session.created", "users:read"),
        ("invitation.created,user.second_factor_removed", "users:read"),
        ("invoice.created,user.created,api_key.created", "api_keys:read invoices:read users:read"),
    ],
)
def test_to_ask_for_what_one_may_not_read_is_refused(owner: Tenant, types: str, scopes: str) -> None:
    assert asked_for(owner.colleague("viewer").get(f"{EVENTS}?type={types}")) == scopes
    assert owner.get(f"{EVENTS}?type={types}").json["data"]


def test_what_happened_to_an_object_that_one_may_not_read_is_left_out(owner: Tenant) -> None:
    viewer = owner.colleague("viewer")
    about = {event["object"]["type"]: event["object"]["id"] for event in events(owner)}
    for kind, id in about.items():
        shown = {event["object"]["id"] for event in viewer.get(f"{EVENTS}?object_id={id}").json["data"]}
        assert shown == (set() if kind in {"api_key", *PEOPLE} else {id}), kind


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_pages_skip_what_is_hidden_and_end_where_nothing_more_is_shown(owner: Tenant, limit: int) -> None:
    viewer = owner.colleague("viewer")
    expected = [event["sequence"] for event in events(owner) if SCOPE_OF[event["object"]["type"]] in ROLES["viewer"]]
    found: list[int] = []
    path: str | None = f"{EVENTS}?limit={limit}"
    while path:
        page = viewer.get(path)
        numbers = [event["sequence"] for event in page.json["data"]]
        found += numbers
        assert len(numbers) == limit or not page.json["has_more"]
        assert page.json["next_cursor"] == (str(numbers[-1]) if page.json["has_more"] else None)
        path = page.headers["Link"][1:].partition(">")[0] if page.json["has_more"] else None
    assert found == expected
    assert any(later - earlier > 1 for earlier, later in itertools.pairwise(found))
    last = viewer.get(f"{EVENTS}?after={found[-1]}&limit={limit}").json
    assert last == {"data": [], "has_more": False, "next_cursor": None}


def test_every_fact_stands_in_the_catalogue_and_has_a_scope(app: Flask, owner: Tenant) -> None:
    """Plant the flaw by stating a fact that the catalogue does not know, or by leaving one there that nobody states."""
    assert stated() == set(EVENT_TYPES)
    assert {type.partition(".")[0] for type in EVENT_TYPES} == set(SCOPE_OF)
    assert set(SCOPE_OF.values()) <= SCOPES
    with app.app_context(), transaction():
        enter(owner.organization_id)
        organization = organizations.current()
        with pytest.raises(LookupError, match=r"there is no type letter\.sent"):
            record("letter.sent", organization)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("invitation.sent", "There is no type invitation.sent, but invitation.accepted, invitation.created, "),
        ("invoice.paid,invoices.paid", "There is no type invoices.paid, but such of api_key, credit_note, customer, "),
        ("Invoice.paid", "Up to ten types such as invoice.finalized belong here"),
    ],
)
def test_a_type_that_there_is_not_is_named_with_those_that_could_be_meant(owner: Tenant, asked: str, told: str) -> None:
    """Plant the flaw by taking any word: who misspells one waits for ever."""
    (fault,) = refused(owner.get(f"{EVENTS}?type={asked}"), 400)["errors"]
    assert (fault["parameter"], fault["code"]) == ("type", "wrong-format")
    assert fault["detail"].startswith(told)
