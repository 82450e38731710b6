"""Random secrets that whoever bears them shows again: refresh tokens, API keys, and what a mail carries.

They are kept as digests alone, so that the database gives none of them away.
"""

import hashlib
import secrets


def new(prefix: str) -> str:
    """A secret of 256 random bits; the prefix tells whoever finds it what it is for, as in `rt_...`."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(token: str) -> str:
    """What a token is kept as, in hexadecimal digits, and found again by.

    It cannot be guessed from its SHA-256; a slow hash, as passwords need, would add nothing.
    """
    return hashlib.sha256(token.encode()).hexdigest()
