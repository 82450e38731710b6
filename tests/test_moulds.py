"""An organization that was cast is one that signed up, but for its names and times."""

import json
import re

from flask import Flask

from tests.factories import Tenant, sign_up

LISTS = (
    "/v1/me", "/v1/organization", "/v1/users", "/v1/me/sessions", "/v1/events", "/v1/audit-log", "/v1/number-series",
    "/v1/tax-rates", "/v1/api-keys", "/v1/customers",
)  # fmt: skip
OWN = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z|[\w.-]+@example\.com|\d{1,3}(\.\d{1,3}){3}"
)
"""Ids, instants and addresses."""


def seen(tenant: Tenant) -> dict[str, str]:
    """What an owner sees of an organization of theirs, without what is its alone."""
    answers = {path: tenant.get(path) for path in LISTS}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {path: OWN.sub("?", json.dumps(answer.json, indent=1, sort_keys=True)) for path, answer in answers.items()}


def test_who_was_cast_sees_what_who_signed_up_sees(app: Flask) -> None:
    by_the_front_door = sign_up(app, name="Ada Lovelace")
    _, cast = sign_up(app), sign_up(app)
    assert seen(cast) == seen(by_the_front_door)
