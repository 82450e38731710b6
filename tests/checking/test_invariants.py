"""No invariant sleeps: each is broken in a database where everything has happened, and is seen to be."""

import re
from pathlib import Path

import pytest

from billing_api.checking import Breach, check, search, stated
from billing_api.embedded import Addresses
from tests.schema import connected

_WAY = re.compile(r"^-- ([a-z-]+)(?:, with ([a-z, -]+))?\n((?:(?!--).*\n)+)", re.MULTILINE)
BREAKS = [
    (way[1], way[3], frozenset((way[2] or way[1]).split(", ")) | {way[1]})
    for way in _WAY.finditer(Path(__file__).with_name("breaks.sql").read_text(encoding="utf-8"))
]
"""The invariant to break, how, and all that is broken with it."""


def broken_by(there: Addresses, statement: str) -> list[Breach]:
    """What is broken after a statement that passes every trigger; it is undone."""
    with connected(there.superuser) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        return search(cursor)[0]


def test_all_holds_where_everything_has_happened(lived: Addresses) -> None:
    breaches, count = check(lived.owner)
    assert [str(breach) for breach in breaches] == []
    assert count == len(stated()) + 1 >= 49


def test_every_invariant_has_a_name_a_sentence_and_a_way_to_be_broken() -> None:
    names = [one.name for one in stated()]
    assert len(names) == len(set(names))
    assert {name for name, _, _ in BREAKS} == {*names, "reference-leads-somewhere"}
    for one in stated():
        assert one.sentence.endswith("."), one.name
        assert one.query.startswith(("SELECT", "WITH")), one.name


@pytest.mark.parametrize(
    ("name", "statement", "broken"), BREAKS, ids=[f"{name}-{index}" for index, (name, _, _) in enumerate(BREAKS)]
)
def test_what_is_broken_is_seen_and_nothing_else(
    lived: Addresses, name: str, statement: str, broken: frozenset[str]
) -> None:
    breaches = broken_by(lived, statement)
    assert {breach.invariant.name for breach in breaches} == broken, [str(breach) for breach in breaches]
    for breach in breaches:
        assert breach.count >= len(breach.findings) > 0
        assert all(found.detail for found in breach.findings)
