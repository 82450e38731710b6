"""The threat model names what shows each defence, and all of it is there."""

import re

from config import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def test_what_the_threat_model_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w./]+)`", TEXT))
    assert len(named) >= 25
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []


def test_every_threat_names_what_shows_its_defence() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 15
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == []
