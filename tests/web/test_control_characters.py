"""Characters that cannot be seen have no place in a name; where they stand from before, they are in nobody's way."""

from urllib.parse import quote

import pytest

from billing_api.embedded import Addresses
from tests import sharing
from tests.factories import Tenant
from tests.schema import connected
from tests.web.refusals import codes, refused

OLD = "Before\nand after\x1b"

tenant = sharing.tenant


@pytest.fixture
def path(tenant: Tenant, addresses: Addresses) -> str:
    """A customer of a time when a name could have several lines."""
    customer = tenant.customer(billing_address={"line1": "x", "country": "DE"})
    with connected(addresses.owner) as cursor:
        stored = "UPDATE customers SET name = %s, billing_address = billing_address || %s::jsonb WHERE id = %s"
        cursor.execute(stored, [OLD, '{"line1": "Hall 1\\nGate 2"}', customer["id"]])
        assert cursor.rowcount == 1
    return str(customer["links"]["self"])


def test_what_stands_from_before_is_shown_and_everything_else_of_it_changed(tenant: Tenant, path: str) -> None:
    """Plant the flaw by judging the present object as if it had been sent."""
    assert tenant.get(path).json["name"] == OLD
    answer = tenant.patch(path, {"phone": "1", "billing_address": {"city": "Hannover"}})
    assert answer.status_code == 200, answer.text
    assert (answer.json["name"], answer.json["billing_address"]["line1"]) == (OLD, "Hall 1\nGate 2")
    assert tenant.get(path).json == answer.json


def test_it_cannot_be_written_again(tenant: Tenant, path: str) -> None:
    for answer in (tenant.patch(path, {"name": OLD}), tenant.put(path, {"name": OLD})):
        refused(answer, 422, "control-character")
        assert codes(answer) == {("/name", "control-character")}
    assert tenant.patch(path, {"name": "After"}).json["name"] == "After"


def test_a_key_of_another_system_has_none_either(tenant: Tenant, path: str, addresses: Addresses) -> None:
    """Plant the flaw by a `Key` that is any `Text`."""
    for key in ("a\nb", "a\tb", "a\x1b", "\x85a", "a\u2028b"):
        answer = tenant.post("/v1/customers", {"name": "x", "external_id": key})
        refused(answer, 422, "control-character")
        assert codes(answer) == {("/external_id", "control-character")}
        refused(tenant.put(f"/v1/customers/by-external-id/{quote('b' + key)}c", {"name": "x"}), 404)
    with connected(addresses.owner) as cursor:
        cursor.execute("UPDATE customers SET external_id = %s WHERE id = %s", ["a\tb", path.rsplit("/", 1)[1]])
    assert tenant.patch(path, {"phone": "2"}).json["external_id"] == "a\tb"
    replaced = tenant.put("/v1/customers/by-external-id/a%09b", {"name": "After"})
    assert (replaced.status_code, replaced.json["links"]["self"]) == (200, path)


def test_a_text_for_people_has_as_many_lines_as_it_needs(tenant: Tenant) -> None:
    notes = "One\r\n\tTwo\n\nThree"
    draft = tenant.draft(notes=notes, payment_terms=notes, lines=[])
    assert (draft["notes"], draft["payment_terms"]) == (notes, notes)
    assert tenant.customer(metadata={"address": notes})["metadata"] == {"address": notes}
