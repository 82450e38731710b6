"""No invariant sleeps: each is broken in a database where everything has happened, and is seen to be."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="module")
def superuser(lived: Addresses) -> Iterator[Any]:
    """One connection for all ways to break something: a new one would read the catalogue anew for each."""
    with connected(lived.superuser) as cursor:
        yield cursor


def broken_by(superuser: Any, statement: str) -> list[Breach]:
    """What is broken after a statement that passes every trigger; it is undone."""
    superuser.execute("BEGIN")
    try:
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute(statement)
        return search(superuser)[0]
    finally:
        superuser.execute("ROLLBACK")


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
    superuser: Any, name: str, statement: str, broken: frozenset[str]
) -> None:
    breaches = broken_by(superuser, statement)
    assert {breach.invariant.name for breach in breaches} == broken, [str(breach) for breach in breaches]
    for breach in breaches:
        assert breach.count >= len(breach.findings) > 0
        assert all(found.detail for found in breach.findings)
