"""A table of invoices: a row for each line of one, and each fault told by its own row."""

from pathlib import Path

import pytest

from billing_api.importing import of_invoices
from billing_api.intake import UnreadableFile
from tests.factories import Tenant
from tests.importing.conftest import Import, sheet, whole


def test_a_sheet_has_a_row_for_each_line_of_an_invoice(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str
) -> None:
    head = {"number": "A-1", "issue_date": "2024-03-05", "customer_external_id": "C-1", "amount_paid": "10"}
    rows: list[dict[str, str]] = [
        {**head, **lines("Work", "2", "50.00")},
        {"number": "A-1", **lines("More work", "1", "10")},
        {**head, "number": "A-2", **lines("Work", "1", "1000")},
        {"number": "A-2", "amount_paid": "20", **lines("Work", "1", "1")},
        {**head, "number": "A-3", **lines("", "", "")},
        {**head, "number": "A-4", **lines("Work", "1", "100"), "metadata.order": "7"},
    ]
    found = take(sheet(tmp_path / "i.csv", rows), of_invoices())
    assert found.counts == (2, 0, 2)
    assert found.faults == [
        (5, "/amount_paid", "row-differs"),
        (6, "/lines", "required"),
        (6, "/amount_paid", "amount-exceeds-due"),
    ]
    first = whole(tenant, "A-1")
    assert [(one["description"], one["net"]) for one in first["lines"]] == [("Work", "100.00"), ("More work", "10.00")]
    assert (first["total"], first["amount_due"]) == ("130.90", "120.90")
    assert whole(tenant, "A-4")["metadata"] == {"order": "7"}
    assert take(sheet(tmp_path / "i.csv", rows), of_invoices()).counts == (0, 2, 2)


def test_a_fault_is_told_by_the_line_of_its_own_row(take: Import, tmp_path: Path, buyer: str) -> None:
    """Plant the flaw by telling the line at which the invoice begins."""
    path = tmp_path / "i.csv"
    rows = [
        "A-1,2024-03-05,C-1,1,Work,1,10,19", "A-1,,,2,,,,", "A-1,,,,Work,one,\"1,5\",19",
        "A-1,2024-03-06,C-1,3,Work,1,1,19", "A-2,2024-03-05,C-1,1,Work,1,1,19", "A-2,,,,Work,0,1,19,more",
        "A-3,2024-03-05,C-1,1,Work,1,1,19", "A-3,,,,\"Work\nand more\",1,1,19", "A-3,,,,Work,999999999999,999999999,19",
    ]  # fmt: skip
    names = ["number", "issue_date", "customer_external_id", "metadata.a/b", *lines("", "", "")]
    path.write_text("\n".join([",".join(names), *rows]))
    found = take(path, of_invoices())
    assert found.faults == [
        (3, "/metadata/a~1b", "row-differs"),
        (5, "/issue_date", "row-differs"),
        (5, "/metadata/a~1b", "row-differs"),
        (4, "/lines/1/quantity", "not-a-decimal"),
        (4, "/lines/1/unit_price", "not-a-decimal"),
        (7, "", "malformed-request"),
        (11, "/lines/2", "amount-too-large"),
    ]
    assert [reject.key for reject in found.rejects] == ["A-1", "A-2", "A-3"]
    assert all(f"Line {line} says" in fault.detail for line, fault in found.rejects[0].faults[:3])


def test_a_sheet_says_the_lines_in_one_way(tenant: Tenant, take: Import, tmp_path: Path, buyer: str) -> None:
    """Plant the flaw by letting the columns stand beside each other: those that are counted are lost in silence."""
    head = {"number": "A-1", "issue_date": "2024-03-05", "customer_external_id": "C-1"}
    counted = {name.replace("line.", "lines.0."): text for name, text in lines("Work", "1", "10").items()}
    with pytest.raises(UnreadableFile, match=r"column 'lines.0.description' cannot stand beside those of 'line.'"):
        take(sheet(tmp_path / "i.csv", [{**head, **counted, **lines("Work", "1", "10")}]), of_invoices())
    assert take(sheet(tmp_path / "i.csv", [{**head, **counted}]), of_invoices()).counts == (1, 0, 0)
    assert whole(tenant, "A-1")["total"] == "11.90"


def test_a_row_that_cannot_be_read_leaves_no_invoice_short_of_a_line(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str
) -> None:
    """Plant the flaw by rejecting the row alone."""
    path = tmp_path / "i.csv"
    rows = [
        "A-1,One", "A-2,One", 'A-2,"T"wo', "A-2,Three", "A-3,One", "A-4,One", '"A-4"x,Two', "A-5,Two", "A-5,Three",
        "A-6,One", "A-7,One", 'A-7,"Two\nA-8,"One"', "A-8,Two", "A-9,One",
    ]  # fmt: skip
    head = "number,line.description,issue_date,customer_external_id,line.quantity,line.unit_price,line.tax_rate\n"
    path.write_text(head + "".join(f"{row},2025-03-05,C-1,1,1.00,19\n" for row in rows))
    found = take(path, of_invoices())
    assert found.faults == [(n, "", "malformed-request") for n in (4, 7, 8, 9, 12, 13, 15)]
    numbers = [one["number"] for one in tenant.get("/v1/invoices").json["data"]]
    assert sorted(numbers) == ["A-1", "A-3", "A-6", "A-9"]


def lines(description: str, quantity: str, price: str) -> dict[str, str]:
    rate = "19" if description else ""
    names = ("line.description", "line.quantity", "line.unit_price", "line.tax_rate")
    return dict(zip(names, (description, quantity, price, rate), strict=True))
