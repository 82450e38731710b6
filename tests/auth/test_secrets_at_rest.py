"""No secret that somebody could come in with stands in the database, in whatever table."""

from typing import Any

from flask import Flask

from billing_api.embedded import Addresses
from tests.factories import PASSWORD, Tenant, created, refresh, sign_up
from tests.schema import connected


def in_any_table(cursor: Any, text: str) -> list[str]:
    """The tables of which a row has the text, in whatever column, also within JSON and bytes."""
    cursor.execute(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    found = []
    for (table,) in cursor.fetchall():
        rows = f"SELECT count(*) FROM {table} t WHERE position(%s IN t::text || row_to_json(t)::text) > 0"  # noqa: S608
        hexed = f"SELECT count(*) FROM {table} t WHERE position(%s IN t::text) > 0"  # noqa: S608 - bytes are shown so
        for query, sought in ((rows, text), (hexed, text.encode().hex())):
            cursor.execute(query, [sought])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_what_opens_a_door_stands_in_no_table(app: Flask, addresses: Addresses) -> None:
    password = "nine green canaries on a ladder"
    tenant = sign_up(app, password=password)
    again = refresh(tenant.client, tenant.refresh_token).json
    body = {"name": "A shop", "scopes": ["events:read"]}
    key = created(tenant.post("/v1/api-keys", body, Idempotency_Key="once"))
    device = tenant.colleague("viewer").second_factor()
    secrets = {
        "the password": password,
        "the spent refresh token": tenant.refresh_token,
        "the refresh token": again["refresh_token"],
        "the access token": again["access_token"],
        "the API key": key["secret"],
        "the second factor": device.secret,
        **{f"recovery code {number}": code for number, code in enumerate(device.recovery_codes)},
    }
    with connected(addresses.owner) as cursor:
        assert {what: found for what, text in secrets.items() if (found := in_any_table(cursor, text))} == {}


def test_what_stands_in_a_table_is_found(tenant: Tenant, addresses: Addresses) -> None:
    """In a text, in JSON, and in the bytes of a stored reply."""
    needle = "a needle of one test"
    created(tenant.post("/v1/customers", {"name": needle, "metadata": {"x": needle}}, Idempotency_Key="once"))
    with connected(addresses.owner) as cursor:
        assert set(in_any_table(cursor, needle)) == {"customers", "customer_traits", "idempotency_keys"}
        assert in_any_table(cursor, PASSWORD) == []
