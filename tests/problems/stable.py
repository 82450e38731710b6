"""What a refusal says, without what is another thing each time: ids, the day, who was there, and counted numbers."""

import datetime as dt
import json
import re
from typing import Any

from billing_api import clock

_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_ADDRESS = re.compile(r"[\w.+-]+@example\.com")
_NUMBER = r"\d+(,\d{3})*"
_TODAY = dt.date(2026, 2, 15)
_NEAR = dt.timedelta(days=20)


def stable(problem: dict[str, Any]) -> dict[str, Any]:
    """The problem as the document shows it: its ids numbered as they come, and as if today were always the same day."""
    ids: dict[str, str] = {}

    def of_id(found: re.Match[str]) -> str:
        return ids.setdefault(found[0], f"019a9c3e-6a34-7c22-9a58-{0x3F7A4B1C2D3E + len(ids):012x}")

    def of_day(found: re.Match[str]) -> str:
        distance = dt.date.fromisoformat(found[0]) - clock.today("UTC")
        return str(_TODAY + distance) if abs(distance) < _NEAR else found[0]

    text = json.dumps(problem, ensure_ascii=False)
    text = _ADDRESS.sub("ada@example.com", _DAY.sub(of_day, _ID.sub(of_id, text)))
    found: dict[str, Any] = json.loads(text)
    return found


def without_numbers(problem: dict[str, Any]) -> dict[str, Any]:
    """The problem with a zero for each number in its sentences: a limit that the test has lowered, seconds that are
    left."""
    faults = [{**fault, "detail": re.sub(_NUMBER, "0", fault["detail"])} for fault in problem["errors"]]
    return {**problem, "detail": re.sub(_NUMBER, "0", problem["detail"]), "errors": faults}
