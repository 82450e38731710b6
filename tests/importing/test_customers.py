"""Customers of another system come once, whatever the form of their file."""

from pathlib import Path
from typing import Any

import pytest

from billing_api.importing import of_customers
from billing_api.intake import UnreadableFile
from tests.events import reading
from tests.factories import BUYER_ADDRESS, Tenant
from tests.importing.conftest import Import, jsonl, sheet


def listed(tenant: Tenant) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tenant.get("/v1/customers?sort=name&archived=any&limit=100").json["data"]
    return found


def test_customers_are_imported_with_all_their_members(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    body = {
        "external_id": "C-1", "name": "Ähre", "email": "a@example.com", "billing_emails": ["b@example.com"],
        "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}], "billing_address": BUYER_ADDRESS,
        "net_terms_days": 14, "archived": True, "metadata": {"from": "old"},
    }  # fmt: skip
    assert take(jsonl(tmp_path / "c.jsonl", [body]), of_customers()).counts == (1, 0, 0)
    (customer,) = listed(tenant)
    assert {name: customer[name] for name in body} == body
    (event,) = (one for one in reading.events(tenant) if one["type"] == "customer.created")
    assert event["object"]["id"] == customer["id"]
    assert event["actor"]["type"] == "system"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_sheet_says_the_same_in_dotted_columns(
    tenant: Tenant, take: Import, tmp_path: Path, delimiter: str, encoding: str
) -> None:
    row = {
        "external_id": "C-1", "name": 'A "quoted" name, with; all', "archived": "TRUE", "net_terms_days": "14",
        "billing_address.country": "DE", "billing_address.line1": "Köpenicker Straße 1", "billing_emails.0": "",
        "billing_emails.1": "b@example.com", "tax_ids.0.type": "eu_vat", "tax_ids.0.value": "DE136695976",
        "metadata.a.b": "two\nlines", "phone": "",
    }  # fmt: skip
    assert take(sheet(tmp_path / "c.CSV", [row], delimiter, encoding), of_customers()).counts == (1, 0, 0)
    (customer,) = listed(tenant)
    assert (customer["name"], customer["archived"], customer["net_terms_days"]) == (row["name"], True, 14)
    assert customer["billing_address"] == {"country": "DE", "line1": "Köpenicker Straße 1"}
    assert customer["billing_emails"] == ["b@example.com"]
    assert customer["tax_ids"] == [{"type": "eu_vat", "value": "DE136695976"}]
    assert (customer["metadata"], customer["phone"]) == ({"a.b": "two\nlines"}, None)


def test_run_again_nothing_comes_twice_and_nothing_is_overwritten(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    rows = [{"external_id": f"C-{n}", "name": f"N{n}"} for n in range(5)]
    assert take(jsonl(tmp_path / "a.jsonl", rows[:3]), of_customers()).counts == (3, 0, 0)
    first = listed(tenant)[0]
    tenant.patch(first["links"]["self"], {"name": "A new name"})
    assert take(jsonl(tmp_path / "b.jsonl", [*rows, rows[4]]), of_customers()).counts == (2, 4, 0)
    assert [one["name"] for one in listed(tenant)] == ["A new name", "N1", "N2", "N3", "N4"]


def test_each_rejected_record_is_told_by_its_line(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    tenant.customer(email="Taken@example.com")
    rows = [
        {"external_id": "C-1", "name": "A"},
        "",
        "{broken",
        "[1]",
        {"name": "without a key"},
        {"external_id": "C-2", "name": "", "phone": 7},
        {"external_id": "C-3", "name": "B", "email": "taken@example.com"},
        {"external_id": "C-4", "name": "D", "nome": 1},
        {"external_id": "C-5", "name": "x" * 2**20},
        {"external_id": "C-6", "name": "E"},
    ]
    found = take(jsonl(tmp_path / "c.jsonl", rows), of_customers())
    assert found.counts == (2, 0, 7)
    assert found.faults == [
        (3, "", "malformed-request"),
        (4, "", "not-an-object"),
        (5, "/external_id", "required"),
        (6, "/name", "wrong-length"),
        (6, "/phone", "not-a-string"),
        (7, "/email", "customer-email-taken"),
        (8, "/nome", "unknown-member"),
        (9, "", "payload-too-large"),
    ]
    assert [reject.key for reject in found.rejects][2:6] == [None, "C-2", "C-3", "C-4"]


def test_what_is_wrong_with_a_line_of_json_speaks_of_the_line(take: Import, tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    bad = [
        b'{"external_id": "C-1" "name": 1}',
        b'  {"x"}',
        b'{"name": "\xe4"}',
        b"\xef\xbb\xbf{}",
        b"[" * 65,
        b"1" * (2**20 + 1),
    ]
    path.write_bytes(b"\n".join([b"", *bad]))
    assert [(line, fault.detail) for reject in take(path, of_customers()).rejects for line, fault in reject.faults] == [
        (2, "The line is not JSON: column 23."),
        (3, "The line is not JSON: column 7."),
        (4, "The line is not UTF-8."),
        (5, "The line begins with a byte order mark, which JSON does not allow."),
        (6, "The line is nested more than 64 deep."),
        (7, "A line has at most 1 MiB here, which is 1,048,576 bytes."),
    ]


def test_a_row_is_told_by_the_line_at_which_it_begins(take: Import, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text('external_id,metadata.a,name\nC-1,"two\nlines",x\n\nC-2,,\nC-3,,x,y\n')
    found = take(path, of_customers())
    assert found.counts == (1, 0, 2)
    assert found.faults == [(5, "/name", "required"), (6, "", "malformed-request")]


def test_a_row_whose_quotes_do_not_match_is_rejected_alone(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    rows = ['C-1,"A ""1""",', 'C-2,"B"x,"two\nlines"', 'C-3,C "inside",', '"C-4"x,D,', 'C-5,"E"x,F', "C-6,G,"]
    path.write_text("\n".join(["external_id,name,phone", *rows]))
    found = take(path, of_customers())
    assert (found.counts, found.faults) == ((3, 0, 3), [(n, "", "malformed-request") for n in (3, 6, 7)])
    told = [(one.key, one.faults[0][1].detail.partition(" do not match")[0]) for one in found.rejects]
    places = ["The quotes in lines 3 to 4", "The quotes in line 6", "The quotes in line 7"]
    assert told == list(zip([None, None, "C-5"], places, strict=True))
    assert [one["name"] for one in listed(tenant)] == ['A "1"', 'C "inside"', "G"]


def test_a_trial_keeps_nothing(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    rows = [{"external_id": "C-1", "name": "A"}, {"external_id": "C-2"}]
    assert take(jsonl(tmp_path / "c.jsonl", rows), of_customers(), dry_run=True).counts == (1, 0, 1)
    assert listed(tenant) == []


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("c.csv", b"external_id,nome\n", r"there is no member for the column 'nome' \(is it 'name'\?\)"),
        (
            "c.csv",
            b"Name,colour,country,Net terms days,tax_ids.2.typ,billing_adress.city\n",
            r"there is no member for the columns 'Name' \(is it 'name'\?\), 'colour', "
            r"'country' \(is it 'billing_address.country'\?\), 'Net terms days' \(is it 'net_terms_days'\?\), "
            r"'tax_ids.2.typ' \(is it 'tax_ids.0.type'\?\), 'billing_adress.city' \(is it 'billing_address.city'\?\); "
            "columns are dotted paths of the members that a POST takes, see --help",
        ),
        ("c.csv", b"sep=:\nexternal_id:name\n", "there is no member for the column 'sep=:'"),
        ("c.csv", b"external_id,billing_address\n", "there is no member for the column 'billing_address'"),
        ("c.csv", b"tax_ids.1000.type\n", "there is no member for the column 'tax_ids.1000.type'"),
        ("c.csv", b"name.first\n", "there is no member for the column 'name.first'"),
        ("c.csv", b"line.description\n", "there is no member for the column 'line.description'"),
        ("c.csv", b"name,name\n", "column 'name' stands twice"),
        ("c.csv", b"name, name\n", "column 'name' stands twice"),
        ("c.csv", b"tax_ids.0.type,tax_ids.00.type\n", "column 'tax_ids.0.type' stands twice"),
        ("c.csv", b"external_id,,name\n", "column 2 has no name"),
        ("c.csv", b"external_id,name,,\nC-1,A,,\nC-2,B,,x\n", "line 3: something stands in column 4, which"),
        ("c.csv", b"external_id,name\nC-1,\xe4\n", 'line 2 is not UTF-8: save it as "CSV UTF-8"'),
        ("c.csv", b"external_id,name\r" + 9000 * b"C-1,\xc3\xa4\r" + b"C-2,\xe4\r", "line 9002 is not UTF-8"),
        ("c.csv", "external_id,name\n".encode("utf-16"), "line 1 is not UTF-8"),
        ("c.csv", b"", "it is empty"),
        ("c.jsonl", b"", "it is empty"),
        ("c.csv", b"sep=;\n\n", "it has no line with the names of its columns"),
        ("c.csv", b'external_id,name\nC-1,"a\nC-2,b\n', "line 2: a quote is not closed"),
        ("c.csv", b'external_id,name\nC-1,"a\n' + 70_000 * b"C-2,b\n", "line 2: .*is a quote not closed"),
        ("c.csv", b'"external_id"x,name\nC-1,a\n', "The quotes in line 1 do not match"),
        ("c.xlsx", b"", "its name ends neither in .csv nor in .jsonl"),
    ],
    ids=[
        "unknown", "several", "separator", "object", "index", "below-text", "line", "twice", "twice-with-a-blank",
        "twice-by-index", "nameless", "cell-without-name", "latin-1", "far-behind", "utf-16",
        "empty", "empty-lines", "no-head", "open", "long", "head", "suffix",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_its_reason(
    tenant: Tenant, take: Import, tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=complaint):
        take(path, of_customers())
    assert listed(tenant) == []


@pytest.mark.parametrize(
    "head", ["sep=|\nexternal_id|name|\n", '"sep=|"\r\nexternal_id|name|||\n', "SEP=|||\nexternal_id|name| |\n"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_sheet_as_programs_write_it_names_its_separator_and_may_end_each_row_with_it(
    tenant: Tenant, take: Import, tmp_path: Path, head: str, encoding: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{head}C-1|A, B|\nC-2|B; C| \nC-3|D\nC-4||\n", encoding=encoding)
    found = take(path, of_customers())
    assert (found.counts, found.faults) == ((3, 0, 1), [(6, "/name", "required")])
    assert [one["name"] for one in listed(tenant)] == ["A, B", "B; C", "D"]


def test_customers_of_another_organization_play_no_part(
    tenant: Tenant, other: Tenant, take: Import, tmp_path: Path
) -> None:
    other.customer(external_id="C-1", email="a@example.com")
    row = {"external_id": "C-1", "name": "A", "email": "a@example.com"}
    assert take(jsonl(tmp_path / "c.jsonl", [row]), of_customers()).counts == (1, 0, 0)
    assert [one["name"] for one in listed(tenant)] == ["A"]
