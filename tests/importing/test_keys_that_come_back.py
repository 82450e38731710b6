"""A file that says different things under one key: none of them is taken, whichever comes first. Blanks at its edges
make no other key."""

from pathlib import Path
from typing import Any

import pytest

from billing_api.importing import Kind, of_customers, of_invoices
from billing_api.intake import UnreadableFile
from tests.factories import Tenant, line
from tests.importing.conftest import Import, jsonl, old, sheet

HEAD = {"issue_date": "2025-03-05", "customer_external_id": "C-1"}
LINE = {"line.description": "Work", "line.quantity": "1", "line.unit_price": "1.00", "line.tax_rate": "19"}


def numbers(tenant: Tenant) -> list[str]:
    return sorted(one["number"] for one in tenant.get("/v1/invoices?limit=100").json["data"])


@pytest.mark.usefixtures("buyer")
def test_an_invoice_whose_rows_do_not_follow_each_other_is_not_taken_in_parts(
    tenant: Tenant, take: Import, tmp_path: Path
) -> None:
    """Plant the flaw by leaving out the first pass over the file. Rows that are the same are two lines, too."""
    order = ["A-1", "A-1", "B-1", "A-2", "B-2", "a-1", "A-2 ", "A-3", "A-3"]
    found = take(sheet(tmp_path / "i.csv", [{"number": number, **HEAD, **LINE} for number in order]), of_invoices())
    assert (found.tally.imported, numbers(tenant)) == (3, ["A-3", "B-1", "B-2"])
    assert found.faults == [(n, "/number", "key-twice") for n in (2, 5, 7, 8)]
    assert [reject.key for reject in found.rejects] == ["A-1", "A-2", "a-1", "A-2"]


@pytest.mark.usefixtures("buyer")
def test_of_two_invoices_with_one_number_neither_is_taken_unless_they_are_the_same(
    tenant: Tenant, take: Import, tmp_path: Path
) -> None:
    rows = [old("A-1"), old("A-2"), old("A-1", lines=[line(quantity="3")]), old("A-2"), old("A-3")]
    found = take(jsonl(tmp_path / "i.jsonl", rows), of_invoices())
    assert (found.counts, numbers(tenant)) == ((2, 1, 2), ["A-2", "A-3"])
    assert found.faults == [(1, "/number", "key-twice"), (3, "/number", "key-twice")]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_of_two_customers_with_one_key_neither_is_taken_unless_they_are_the_same(
    tenant: Tenant, take: Import, tmp_path: Path, suffix: str
) -> None:
    named = [("C-1", "A"), ("C-2", "B"), ("c-2", "C"), ("C-3", "D"), ("C-3", "D"), ("C-1", "E")]
    rows = [{"external_id": key, "name": name} for key, name in named]
    found = take((sheet if suffix == "csv" else jsonl)(tmp_path / f"c.{suffix}", rows), of_customers())
    first = 2 if suffix == "csv" else 1
    assert (found.counts, found.faults) == (
        (3, 1, 2),
        [(n, "/external_id", "key-twice") for n in (first, first + 5)],
    )
    assert sorted(one["name"] for one in tenant.get("/v1/customers").json["data"]) == ["B", "C", "D"]


@pytest.mark.parametrize("write", [sheet, jsonl], ids=["csv", "jsonl"])
def test_blanks_around_a_key_make_no_other_customer_and_no_other_invoice(
    tenant: Tenant, take: Import, tmp_path: Path, write: Any
) -> None:
    """Plant the flaw by taking the keys as Text."""
    suffix = "csv" if write is sheet else "jsonl"

    def taken(kind: Kind, key: str, **values: Any) -> tuple[int, int, int]:
        return take(write(tmp_path / f"x.{suffix}", [{kind.key: key, **values}]), kind).counts

    assert [taken(of_customers(), key, name="A") for key in (" C-8\u00a0", "C-8", "\u2003C-8")] == [
        (1, 0, 0),
        *2 * [(0, 1, 0)],
    ]
    assert [one["external_id"] for one in tenant.get("/v1/customers").json["data"]] == ["C-8"]
    lines = LINE if write is sheet else {"lines": [line()]}
    named = [(" P-1 ", "C-8"), ("P-1", " C-8"), ("p-1", "C-8 ")]
    found = [taken(of_invoices(), key, **{**HEAD, "customer_external_id": buyer}, **lines) for key, buyer in named]
    assert found == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert numbers(tenant) == ["P-1"]
    assert taken(of_customers(), " ", name="A") == taken(of_customers(), "\u3000", name="A") == (0, 0, 1)


@pytest.mark.usefixtures("buyer")
def test_rows_whose_numbers_differ_in_blanks_only_are_lines_of_one_invoice(
    tenant: Tenant, take: Import, tmp_path: Path
) -> None:
    rows = [{"number": number, **HEAD, **LINE} for number in ("A-1", " A-1", "A-2", "A-1 ")]
    found = take(sheet(tmp_path / "i.csv", rows), of_invoices())
    assert found.faults == [(2, "/number", "key-twice"), (5, "/number", "key-twice")]
    assert take(sheet(tmp_path / "i.csv", rows[:3]), of_invoices()).counts == (1, 1, 0)
    assert sorted(one["total"] for one in tenant.get("/v1/invoices").json["data"]) == ["1.19", "2.38"]


def test_a_cell_of_free_text_alone_keeps_its_blanks(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    row = {
        "external_id": "C-1", "name": " A ", "net_terms_days": " 14", "archived": "true ", "type": " individual ",
        "email": " a@example.com", "billing_address.country": "DE ", "billing_address.city": " B ", "metadata.x": " y ",
    }  # fmt: skip
    assert take(sheet(tmp_path / "c.csv", [row]), of_customers()).faults == []
    (found,) = tenant.get("/v1/customers?archived=any").json["data"]
    assert (found["name"], found["billing_address"], found["metadata"]) == (
        " A ",
        {"city": " B ", "country": "DE"},
        {"x": " y "},
    )
    assert (found["net_terms_days"], found["archived"], found["type"]) == (14, True, "individual")
    assert found["email"] == "a@example.com"
    priced = {
        "number": "A-1",
        **HEAD,
        **LINE,
        "issue_date": " 2025-03-05",
        "line.unit_price": "50 ",
        "amount_paid": " 5",
    }
    assert take(sheet(tmp_path / "i.csv", [priced]), of_invoices()).faults == []
    assert [one["total"] for one in tenant.get("/v1/invoices").json["data"]] == ["59.50"]


def test_a_file_that_cannot_be_read_to_its_end_is_refused_before_any_record_is_taken(
    tenant: Tenant, take: Import, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("external_id,name\n" + "".join(f"C-{n},A\n" for n in range(250)) + 'C-250,"A\n')
    with pytest.raises(UnreadableFile, match="line 252: a quote is not closed"):
        take(path, of_customers())
    assert tenant.get("/v1/customers").json["data"] == []
