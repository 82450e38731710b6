"""The table of roles and scopes in the README says what holds."""

import re

import pytest

from billing_api.domain.access import ROLES
from config import ROOT

WORDS = {"none": [], "read": ["read"], "write": ["write"], "read, write": ["read", "write"]}
"""What may stand in a cell, and which deeds it means."""


def table() -> list[list[str]]:
    """The cells of each row, that of the roles' names first."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- roles:")[1].split("\n#")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [row for row in rows if set("".join(row)) != {"-"}]


def test_the_table_has_the_roles_from_the_least_to_the_most() -> None:
    assert table()[0][2:] == list(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_the_table_says_what_a_role_may_do(role: str) -> None:
    head, *rows = table()
    said = [
        f"{name}:{deed}"
        for row in rows
        for name in re.findall(r"`(\w+)`", row[1])
        for deed in WORDS[row[head.index(role)]]
    ]
    assert len(said) == len(set(said))
    assert set(said) == ROLES[role]
