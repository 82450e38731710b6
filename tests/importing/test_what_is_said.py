"""What README and `--help` say of the files to import holds."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from billing_api.import_command import imports
from billing_api.importing import Kind, of_customers, of_invoices
from billing_api.intake_columns import columns_of
from config import ROOT
from tests.factories import Tenant
from tests.importing.conftest import Import, sheet, whole

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Moving in\n")[1].split("\n## ")[0]
KINDS = {"customers": of_customers(), "invoices": of_invoices()}


def named_in_readme(what: str) -> list[list[str]]:
    """The columns that must be there, and those that are often used; `.city` is of the address before it."""
    (row,) = (line for line in SECTION.splitlines() if line.startswith(f"| {what} |"))
    cells = [re.findall(r"`([^`]+)`", cell) for cell in row.split("|")[2:4]]
    return [[f"billing_address{name}" if name.startswith(".") else name for name in names] for names in cells]


def known(kind: Kind, names: list[str]) -> list[str]:
    return [column.name for column in columns_of(kind.schema, names, has_lines=kind.document is not None)]


@pytest.mark.parametrize("what", KINDS)
def test_each_column_that_is_named_is_one(what: str) -> None:
    for names in named_in_readme(what):
        assert known(KINDS[what], names) == names
    told = CliRunner().invoke(imports, ["--help"], terminal_width=80).output
    block = re.search(rf"^  {what} ( +.*\n(?: {{4,}}.*\n)*)", told, re.MULTILINE)
    assert block is not None
    assert len(known(KINDS[what], block[1].split())) > 7


def test_the_files_of_the_readme_are_imported(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    for kind, text in zip(KINDS.values(), re.findall(r"```csv\n(.*?)```", SECTION, re.DOTALL), strict=True):
        path = tmp_path / "x.csv"
        path.write_text(text, encoding="utf-8")
        assert take(path, kind).counts == (1, 0, 0)
    assert (whole(tenant, "R-2025-17")["total"], whole(tenant, "R-2025-17")["amount_due"]) == ("130.90", "30.90")


def test_what_must_be_there_is_enough(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    values = {"issue_date": "2025-03-05", "line.quantity": "1", "line.unit_price": "1", "line.tax_rate": "19"}
    for what, kind in KINDS.items():
        names = [name for name in named_in_readme(what)[0] if name != "customer_id"]
        row = {name: values.get(name, "C-1") for name in names}
        assert take(sheet(tmp_path / "x.csv", [row]), kind).faults == []
        for name in names:
            if name == "number":
                continue
            less = {**row, kind.key: "C-2", name: ""}
            assert take(sheet(tmp_path / "x.csv", [less]), kind).tally.rejected == 1, name
