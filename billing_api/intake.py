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
class Record:
    """What a file says of one object, and the line at which it begins; or why that cannot be read."""

    line: int
    values: Values
    refusal: BillingError | None = None
    content: int = 0
    """A number for what it says: where it differs, so does what is said. Rows that were put together have one each."""


def json_lines(file: BinaryIO) -> Iterator[Record]:
    """A JSON object in each line; empty lines are passed over."""
    for number in count(1):
        text = file.readline(LONGEST_RECORD + 1)
        if not text:
            return
        if len(text) > LONGEST_RECORD:
            while text and not text.endswith(b"\n"):
                text = file.readline(LONGEST_RECORD)
            yield Record(number, {}, PayloadTooLarge(LONGEST_RECORD))
            continue
        text = text.removeprefix(_BOM if number == 1 else b"").strip()
        if text:
            yield _parsed(number, text)


def _parsed(number: int, text: bytes) -> Record:
    try:
        value = read(text)
    except Malformed as refusal:
        return Record(number, {}, refusal)
    if not isinstance(value, dict):
        return Record(number, {}, Malformed(faults=[Fault("not-an-object", "An object belongs here.", "")]))
    return Record(number, value, content=hash(text))
