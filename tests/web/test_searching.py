"""What lists find by words and by metadata: all of it, in the order asked for, and nothing else."""

import itertools
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from billing_api import searching
from billing_api.embedded import Addresses
from tests.factories import Tenant, created
from tests.schema import TRAITS, connected
from tests.statements import recorded
from tests.web.refusals import codes, refused
from tests.web.test_pagination import ids, pages

RESOURCES = ["customers", "products", "invoices", "payments", "credit-notes"]


def found(tenant: Tenant, path: str, **query: str) -> list[str]:
    answer = tenant.client.get(path, query_string=query, headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json["data"]]


@pytest.mark.parametrize(
    "q",
    [
        "difference", "DIFF", "works", "Müller", "muller", "gmbh", "works gmbh", "gmbh difference", "difference-works",
        "Difference, Works", "ledger", "anna", "anna@", "anna.smith@number", "number.example", "two@example", "K-17",
        "k 17", "17/b", "strasse", "STRASSE", "ÉCL", "eclair", "  works  ", "“ works”",
    ],
)  # fmt: skip
def test_a_customer_is_found_by_the_beginning_of_each_word(tenant: Tenant, q: str) -> None:
    one = tenant.customer(
        name="Difference Works GmbH", legal_name="Müller & Söhne Ledger Straße Éclair", external_id="K-17/B",
        email="anna.smith@number.example", billing_emails=["two@example.com"],
    )  # fmt: skip
    tenant.customer(name="Somebody else", email="else@other.example")
    assert found(tenant, "/v1/customers", q=q) == [one["id"]]


@pytest.mark.parametrize("q", ["ifference", "workshop", "differenceworks", "difference nobody", "-", "-- &", "@", "%"])
def test_a_customer_is_not_found_by_what_no_word_begins_with(tenant: Tenant, q: str) -> None:
    tenant.customer(name="Difference Works")
    assert found(tenant, "/v1/customers", q=q) == []


def test_punctuation_between_words_is_no_word(tenant: Tenant) -> None:
    one = tenant.customer(name="Miller & Sons, Ltd.")
    assert found(tenant, "/v1/customers", q="miller & sons") == [one["id"]]
    assert found(tenant, "/v1/customers", q="miller - ltd") == [one["id"]]


def test_each_list_finds_by_what_its_objects_are_known_by(tenant: Tenant) -> None:
    buyer = tenant.customer(name="Analytical Engines", email="ada@engines.example")["id"]
    product = tenant.product(name="Punched cards", sku="PC-100", external_id="erp:7")["id"]
    invoice, draft = tenant.invoice(customer_id=buyer), tenant.draft(customer_id=buyer)["id"]
    payment = tenant.payment(invoice, amount="1.00", reference="Wire 2026-4711")["id"]
    note = created(tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"}))
    tenant.payment(tenant.invoice(customer_id=tenant.customer(name="Somebody else")["id"]), amount="1.00")
    for q in ("punched", "cards", "pc 100", "100", "erp:7"):
        assert found(tenant, "/v1/products", q=q) == [product], q
    for q in ("analytical", "engines", "ada@engines"):
        assert found(tenant, "/v1/invoices", q=q) == [draft, invoice["id"]], q
        assert found(tenant, "/v1/payments", q=q) == [payment], q
        assert found(tenant, "/v1/credit-notes", q=q) == [note["id"]], q
    prefix, *_, tail = invoice["number"].split("-")
    for q in (invoice["number"], f"{prefix} {tail}", tail, invoice["number"].lower()):
        assert invoice["id"] in found(tenant, "/v1/invoices", q=q), q
        assert draft not in found(tenant, "/v1/invoices", q=q), q
    assert found(tenant, "/v1/credit-notes", q=note["number"]) == [note["id"]]
    for q in ("wire", "4711", "2026-4711"):
        assert found(tenant, "/v1/payments", q=q) == [payment], q


def test_documents_follow_their_customer_to_another_name(tenant: Tenant) -> None:
    invoice = tenant.invoice(customer_id=tenant.customer(name="Before")["id"])
    assert found(tenant, "/v1/invoices", q="before") == [invoice["id"]]
    assert tenant.patch(f"/v1/customers/{invoice['customer_id']}", {"name": "After"}).status_code == 200
    assert found(tenant, "/v1/invoices", q="before") == []
    assert found(tenant, "/v1/invoices", q="after") == [invoice["id"]]


def test_what_is_deleted_or_forgotten_is_found_by_nothing(tenant: Tenant, addresses: Addresses) -> None:
    deleted = tenant.customer(name="Deleted", metadata={"colour": "red"})
    forgotten = tenant.customer(name="Forgotten", metadata={"colour": "red"})
    draft = tenant.draft(metadata={"colour": "red"})
    assert tenant.delete(deleted["links"]["self"]).status_code == 204
    assert tenant.delete(draft["links"]["self"]).status_code == 204
    assert tenant.post(f"{forgotten['links']['self']}/anonymize").status_code == 200
    assert found(tenant, "/v1/customers", q="forgotten", archived="any") == []
    query = "SELECT value FROM {} WHERE organization_id = %s AND (key <> '' OR value LIKE '%%eleted')"
    with connected(addresses.owner) as cursor:
        for table in ("customer_traits", "invoice_traits"):
            cursor.execute(sql.SQL(query).format(sql.Identifier(table)), [str(tenant.organization_id)])
            assert cursor.fetchall() == [], table


def test_metadata_is_found_by_name_and_whole_value(tenant: Tenant) -> None:
    both = tenant.customer(metadata={"colour": "red", "size": "L"})["id"]
    red = tenant.customer(metadata={"colour": "red"})["id"]
    tenant.customer(metadata={"colour": "reddish", "Colour": "red", "shade": "red"})
    empty = tenant.customer(metadata={"colour": ""})["id"]
    odd = tenant.customer(metadata={"a.b/c~d e": "100 %&=+"})["id"]
    path = "/v1/customers"
    assert found(tenant, path, **{"metadata.colour": "red"}) == [red, both]
    assert found(tenant, path, **{"metadata.colour": "red", "metadata.size": "L"}) == [both]
    assert found(tenant, path, **{"metadata.colour": "red", "metadata.size": "M"}) == []
    assert found(tenant, path, **{"metadata.colour": ""}) == [empty]
    assert found(tenant, path, **{"metadata.a.b/c~d e": "100 %&=+"}) == [odd]
    tenant.patch(f"{path}/{both}", {"metadata": {"colour": None}})
    assert found(tenant, path, **{"metadata.colour": "red"}) == [red]


def test_metadata_is_found_in_every_list_whose_objects_have_it(tenant: Tenant) -> None:
    given: dict[str, Any] = {"metadata": {"order": "A-1"}}
    invoice = tenant.invoice(**given)
    made = {
        "customers": tenant.customer(**given),
        "products": tenant.product(**given),
        "invoices": invoice,
        "payments": tenant.payment(invoice, amount="1.00", **given),
        "credit-notes": created(
            tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned", **given})
        ),
    }
    for resource, one in made.items():
        assert found(tenant, f"/v1/{resource}", **{"metadata.order": "A-1"}) == [one["id"]], resource
        assert found(tenant, f"/v1/{resource}", **{"metadata.order": "A-2"}) == [], resource


@pytest.mark.parametrize("reach", [(1, 1, 2), (2, 1, 4), (2, 2, 5), (300, 3, 5_000)])
@pytest.mark.parametrize("sort", ["created_at", "-created_at", "total", "-total", "-issue_date"])
def test_pages_of_a_search_hold_each_that_is_found_once_and_in_order(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, reach: tuple[int, int, int], sort: str
) -> None:
    """Those among the first rows, among the next ones, and those that are gathered behind them. Plant the flaw by
    gathering what is not behind them, too: some are there twice."""
    for name, value in zip(("_SAMPLE", "_SOME", "_DEEP"), reach, strict=True):
        monkeypatch.setattr(f"billing_api.searching.{name}", value)
    buyers = [tenant.customer(name=name)["id"] for name in ("Red Works", "Blue Works", "Red House")]
    for n, (buyer, size) in enumerate(itertools.product(buyers, ("S", "M", "S"))):
        lines = [{"description": "Work", "quantity": str(n * 7 % 5 + 1), "unit_price": "10.00", "tax_rate": "19"}]
        tenant.draft(customer_id=buyer, metadata={"size": size, "kind": "AB"[n % 2]}, lines=lines)
    every = tenant.get(f"/v1/invoices?sort={sort}").json["data"]
    for query, holds in {
        "q=red": lambda one: one["customer_id"] != buyers[1],
        "q=works": lambda one: one["customer_id"] != buyers[2],
        "q=red+works": lambda one: one["customer_id"] == buyers[0],
        "metadata.size=S": lambda one: one["metadata"]["size"] == "S",
        "q=red&metadata.size=M": lambda one: one["customer_id"] != buyers[1] and one["metadata"]["size"] == "M",
        "q=red&metadata.size=S&metadata.kind=A": lambda one: (
            one["customer_id"] != buyers[1] and one["metadata"] == {"size": "S", "kind": "A"}
        ),
        f"q=red&customer_id={buyers[2]}": lambda one: one["customer_id"] == buyers[2],
        "q=nobody": lambda one: False,
    }.items():
        expected = [one["id"] for one in every if holds(one)]
        for limit in (1, 2, 100):
            path = f"/v1/invoices?{query}&sort={sort}&limit={limit}&include_total=true"
            answers = list(pages(tenant, path))
            assert ids(iter(answers)) == expected, (query, limit)
            assert {answer.json["total_count"] for answer in answers} == {len(expected)}, query


def test_a_search_finds_nothing_of_another_organization(tenant: Tenant, other: Tenant) -> None:
    mine = tenant.invoice(customer_id=tenant.customer(name="Shared", metadata={"a": "b"})["id"], metadata={"a": "b"})
    theirs = other.invoice(customer_id=other.customer(name="Shared", metadata={"a": "b"})["id"], metadata={"a": "b"})
    for query in ({"q": "shared"}, {"q": mine["number"]}, {"metadata.a": "b"}):
        assert mine["id"] in found(tenant, "/v1/invoices", **query)
        assert theirs["id"] not in found(tenant, "/v1/invoices", **query)


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(("words", "pieces"), [(0, 2), (0, 12), (1, 0), (1, 2), (1, 12), (8, 1), (8, 2), (8, 12)])
def test_much_can_be_looked_for_at_once(tenant: Tenant, resource: str, words: int, pieces: int) -> None:
    """Plant the flaw by a parameter named as what SQLAlchemy names by itself, `key_1`."""
    query = {f"metadata.name-{number}": "value" for number in range(pieces)}
    if words:
        query["q"] = " ".join(f"word{number}" for number in range(words))
    assert found(tenant, f"/v1/{resource}", include_total="true", **query) == []


def test_what_a_search_costs_does_not_grow_with_the_pieces_of_metadata(tenant: Tenant) -> None:
    """Nor does what is kept of it. Plant the flaw by a condition for each piece: fifty took seconds, and megabytes."""
    texts = set()
    for pieces in (1, 2, 50):
        query = "&".join(f"metadata.name-{number}=value" for number in range(pieces))
        with recorded(tenant.app) as statements:
            assert tenant.get(f"/v1/invoices?q=red+works&include_total=true&{query}").status_code == 200
        texts.add(tuple(text.rpartition(";")[2] for text, _ in statements))
    assert len(texts) == 1


def test_the_statement_of_a_search_is_made_once_for_all_words(tenant: Tenant) -> None:
    """Plant the flaw by naming the ways in the function that searches: they are others each time."""
    for resource in RESOURCES:
        found(tenant, f"/v1/{resource}", q="red works", **{"metadata.a": "b"})
        made = searching._first.cache_info().misses
        found(tenant, f"/v1/{resource}", q="blue house", limit="2", **{"metadata.c": "d"})
        assert searching._first.cache_info().misses == made, resource


def test_a_cursor_is_good_for_its_search_alone(tenant: Tenant) -> None:
    for name in ("Red one", "Red two", "Blue"):
        tenant.customer(name=name, metadata={"a": "b", "c": "d"})
    cursor = tenant.get("/v1/customers?q=red&limit=1").json["next_cursor"]
    assert tenant.get(f"/v1/customers?q=red&limit=1&cursor={cursor}").status_code == 200
    for query in ("q=blue", "q=red&metadata.a=b", "metadata.a=b", "limit=2"):
        refused(tenant.get(f"/v1/customers?{query}&cursor={cursor}"), 400, "cursor-malformed")
    cursor = tenant.get("/v1/customers?metadata.a=b&metadata.c=d&limit=1").json["next_cursor"]
    assert tenant.get(f"/v1/customers?metadata.c=d&metadata.a=b&limit=1&cursor={cursor}").status_code == 200


def test_what_cannot_be_searched_for_is_told_at_its_parameter(tenant: Tenant) -> None:
    for query, told in {
        "q=": ("q", "wrong-length"),
        "q=%20": ("q", "blank"),
        "q=" + "x" * 101: ("q", "wrong-length"),
        "q=a&q=b": ("q", "repeated-parameter"),
        "metadata.=x": ("metadata.", "wrong-length"),
        "metadata." + "k" * 41 + "=x": ("metadata." + "k" * 41, "wrong-length"),
        "metadata.k=" + "x" * 501: ("metadata.k", "wrong-length"),
        "metadata.k=1&metadata.k=2": ("metadata.k", "repeated-parameter"),
        "metadata=x": ("metadata", "unknown-parameter"),
        "metadatas.k=x": ("metadatas.k", "unknown-parameter"),
    }.items():
        answer = tenant.get(f"/v1/customers?{query}")
        assert answer.status_code == 400, query
        assert codes(answer) == {told}, query
    assert codes(tenant.get("/v1/tax-rates?metadata.k=x")) == {("metadata.k", "unknown-parameter")}


def test_the_service_itself_writes_no_traits(tenant: Tenant, addresses: Addresses) -> None:
    with connected(addresses.service) as cursor:
        for table in TRAITS:
            for statement in ("DELETE FROM {}", "UPDATE {} SET value = 'x'", "INSERT INTO {} SELECT * FROM {} LIMIT 0"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    cursor.execute(statement.replace("{}", table))
