"""A file that says different things under one key: none of them is taken, whichever comes first."""

from pathlib import Path

import pytest

from billing_api.importing import of_customers, of_invoices
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
    assert [reject.key for reject in found.rejects] == ["A-1", "A-2", "a-1", "A-2 "]


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


def test_a_file_that_cannot_be_read_to_its_end_is_refused_before_any_record_is_taken(
    tenant: Tenant, take: Import, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("external_id,name\n" + "".join(f"C-{n},A\n" for n in range(250)) + 'C-250,"A\n')
    with pytest.raises(UnreadableFile, match="line 252: a quote is not closed"):
        take(path, of_customers())
    assert tenant.get("/v1/customers").json["data"] == []
