"""Named points at which a test lets a process of the service fail: by its death, by an exception, or by a pause.

With `BILLING_FAULTS` naming a folder, which is refused anywhere but in tests, a file in it that is named after a point
arms that point once, in all processes together: who first reaches it takes the file away and does what its text says,
`kill`, `raise` or `sleep SECONDS`. What becomes of a service that dies between two certain steps can be tried so on
purpose, and not by luck.
"""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Literal

Point = Literal["before_commit", "after_commit", "before_response", "in_outbox", "cache_get"]
"""`before_response`: a request's transaction has ended, and its answer is made. `in_outbox`: a mail server has taken a
mail, and that is not noted yet. `cache_get`: Redis is about to be asked."""

_folder: Path | None = None


class FaultReached(Exception):
    """What an armed point raises: a fault of the program, which nobody foresees."""


def watch(folder: str | None) -> None:
    """Look into this folder at each point from now on, or, as everywhere but in tests, into none."""
    global _folder
    _folder = Path(folder) if folder else None


def reach(point: Point) -> None:
    """Be at a point; most of the time this does nothing.

    Raises:
        FaultReached: it was armed with `raise`.
    """
    if _folder is not None and (deed := _claim(_folder / point)):
        _fail(point, *deed.split())


def _claim(armed: Path) -> str | None:
    """What is to happen, for the one who moves the file away; None for all who find it gone."""
    claimed = armed.with_name(f".{armed.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        armed.rename(claimed)
    except FileNotFoundError:
        return None
    deed = claimed.read_text()
    claimed.unlink()
    return deed


def _fail(point: Point, deed: str, seconds: str = "0") -> None:
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "sleep":
        time.sleep(float(seconds))
    else:
        raise FaultReached(f"{point}: {deed}")
