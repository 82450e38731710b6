"""Passwords: Argon2id, and no way to learn from the answer's time whether a user exists."""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

# 19 MiB and two passes: the first choice of the OWASP password storage cheat sheet (2025) for Argon2id.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# A hash occupies a core for tens of milliseconds: more than two at once would starve every other request.
_at_once = threading.BoundedSemaphore(2)
_nobody = _hasher.hash("the password of a user who does not exist")


def digest(password: str) -> str:
    """The hash to keep of a password."""
    with _at_once:
        return _hasher.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed; without a stored hash exactly as slow, and False."""
    with _at_once:
        try:
            return _hasher.verify(stored or _nobody, _normal(password)) and stored is not None
        except (Argon2Error, InvalidHashError):
            return False


def _normal(password: str) -> str:
    # NIST SP 800-63B, 3.1.1.2: the same password typed on two systems must be the same bytes.
    return unicodedata.normalize("NFKC", password)
