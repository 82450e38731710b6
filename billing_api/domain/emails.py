"""When two e-mail addresses are one."""

import unicodedata
from contextlib import suppress


def fold(email: str) -> str:
    """The address folded for comparison: NFC, case-folded, the domain in its ASCII form (RFC 3490).

    An address with a dotless i stays another one than with an i, and what no domain can hold stays as it is.
    """
    local, _, domain = unicodedata.normalize("NFC", email).casefold().rpartition("@")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return f"{local}@{domain}"
