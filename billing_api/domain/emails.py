"""When two e-mail addresses are one."""

import unicodedata

import idna


def fold(email: str) -> str:
    """The address folded for comparison: NFC, its name case-folded, its domain in ASCII.

    An address with a dotless i stays another one than with an i.
    """
    local, _, domain = unicodedata.normalize("NFC", email).rpartition("@")
    return f"{local.casefold()}@{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """The domain as the network knows it (IDNA 2008, by the rules of UTS 46 without their transition): one with an ß is
    not one with ss, which may be somebody else's. What no domain can hold is case-folded."""
    try:
        return idna.encode(domain, uts46=True, transitional=False).decode("ascii")
    except idna.IDNAError:
        return domain.casefold()
