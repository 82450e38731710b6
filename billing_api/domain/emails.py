"""When two e-mail addresses are one."""

import unicodedata


def fold(email: str) -> str:
    """The address folded for comparison: NFC, case-folded, the domain in its ASCII form (RFC 3490).

    `mıke@` (a dotless i) stays another address than `mike@`, and what no domain can hold stays as it is.
    """
    local, _, domain = unicodedata.normalize("NFC", email).casefold().rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        pass
    return f"{local}@{domain}"
