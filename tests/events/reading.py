"""The events of a tenant, read as its own programs would."""

from typing import Any

from tests.factories import Tenant

EVENTS = "/v1/events"


def events(tenant: Tenant, after: int = 0) -> list[dict[str, Any]]:
    """All events after a number, read page by page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = tenant.get(f"{EVENTS}?after={after}&limit=100")
        assert answer.status_code == 200, answer.text
        found += answer.json["data"]
        if not answer.json["has_more"]:
            return found
        after = found[-1]["sequence"]


def last(tenant: Tenant) -> int:
    return max(event["sequence"] for event in events(tenant))


def facts(found: list[dict[str, Any]]) -> list[tuple[str, list[str], dict[str, Any]]]:
    return [(event["type"], event["changed"], event["data"]) for event in found]
