"""Reading what comes from another system, record by record; files of JSON lines here, tables in intake_table.py.

A file may be of any length: no more of it is held than the record at hand, and of a table the row behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, BinaryIO

from billing_api.errors import BillingError, Fault, Malformed, PayloadTooLarge
from billing_api.web.json import read

LONGEST_RECORD = 2**20
_BOM = b"\xef\xbb\xbf"

Values = dict[str, Any]


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message is one line."""


@dataclass(frozen=True, slots=True)
class RowFault(Fault):
    """A fault that was found in a row of a file, at this line."""

    line: int = 0


def at(line: int, fault: Fault) -> RowFault:
    """The fault, in the row that begins at this line."""
    return RowFault(fault.code, fault.detail, fault.pointer, fault.parameter, line)


@dataclass(frozen=True, slots=True)
class Record:
    """What a file says of one object, and the line at which it begins; or why that cannot be read."""

    line: int
    values: Values
    refusal: BillingError | None = None
    content: int = 0
    """A number for what it says: where it differs, so does what is said. Rows that were put together have one each."""
    rows: tuple[int, ...] = ()
    """Where it was put together of rows: at which line of the file that of each of its own `lines` begins."""
    faults: tuple[RowFault, ...] = ()
    """What speaks against it already; what else does is told with it."""

    def line_of(self, fault: Fault) -> int:
        """The line of the row that a fault is of, or that at which the record begins."""
        if isinstance(fault, RowFault):
            return fault.line
        steps = (fault.pointer or "").split("/")
        index = int(steps[2]) if steps[1:2] == ["lines"] and steps[2:] and steps[2].isdecimal() else len(self.rows)
        return self.rows[index] if index < len(self.rows) else self.line


def json_lines(file: BinaryIO) -> Iterator[Record]:
    """A JSON object in each line; empty lines are passed over."""
    for number in count(1):
        text = file.readline(LONGEST_RECORD + 1)
        if not text:
            return
        if len(text) > LONGEST_RECORD:
            while text and not text.endswith(b"\n"):
                text = file.readline(LONGEST_RECORD)
            refusal = PayloadTooLarge(LONGEST_RECORD)
            refusal.detail = (
                f"A line has at most {LONGEST_RECORD // 2**20} MiB here, which is {LONGEST_RECORD:,} bytes."
            )
            yield Record(number, {}, refusal)
            continue
        # Blanks at its beginning stay, so that the column of a fault is that of the file.
        text = text.removeprefix(_BOM if number == 1 else b"").rstrip()
        if text:
            yield _parsed(number, text)


def _parsed(number: int, text: bytes) -> Record:
    try:
        value = read(text, "line")
    except Malformed as refusal:
        return Record(number, {}, refusal)
    if not isinstance(value, dict):
        return Record(number, {}, Malformed(faults=[Fault("not-an-object", "An object belongs here.", "")]))
    return Record(number, value, content=hash(text.lstrip()))
