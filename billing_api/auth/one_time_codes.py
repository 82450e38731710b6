"""Codes of a second factor: those that an authenticator shows for thirty seconds (TOTP, RFC 6238), and those that are
kept on paper for the day on which it is lost."""

import base64
import datetime as dt
import hashlib
import secrets
import uuid

from pyotp import TOTP, random_base32
from pyotp.exceptions import OTPVerificationError

DIGITS = 6
RECOVERY_CODES = 10

_SECRET_LENGTH = 32
"""Characters of base32: the 160 bits that RFC 4226, section 4 recommends."""
_STEPS_APART = 1
"""How many steps a clock may be off, either way (RFC 6238, section 5.2)."""
_RECOVERY_BYTES, _GROUP = 10, 4


def new_secret() -> str:
    """What authenticator and service share, in base32."""
    return random_base32(_SECRET_LENGTH)


def provisioning_uri(secret: str, issuer: str, account: str) -> str:
    """The secret as authenticators read it, from a QR code as a rule."""
    # The colon parts issuer and account, and some decode the label before they look for it.
    return TOTP(secret).provisioning_uri(name=account, issuer_name=issuer.replace(":", " "))


def step_of(secret: str, code: str, at: dt.datetime) -> int | None:
    """The step of thirty seconds that the code belongs to, where that is this one or one beside it; compared in
    constant time."""
    try:
        return TOTP(secret).verify_and_get_timecode(code, for_time=at, valid_window=_STEPS_APART)
    except OTPVerificationError:
        return None


def plain(typed: str) -> str:
    """A code as it is compared: without the spaces and dashes that make it easier to read, in capitals."""
    return "".join(typed.split()).replace("-", "").upper()


def is_timed(code: str) -> bool:
    """Whether it has the form of an authenticator's code, and not that of one on paper."""
    return len(code) == DIGITS and code.isascii() and code.isdecimal()


def new_recovery_codes() -> list[str]:
    """Codes of 80 random bits, in groups."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]


def digest(factor_id: uuid.UUID, code: str) -> str:
    """How a recovery code is kept. It cannot be guessed from that, and needs no slow hash; nor is it keyed, so that it
    lets its user in after the secret key was lost. With the factor's id one search cannot serve for several."""
    return hashlib.sha256(factor_id.bytes + plain(code).encode()).hexdigest()


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))
