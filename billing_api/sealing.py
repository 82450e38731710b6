"""Secrets that must be read again, such as the seed of a second factor, and names that must only be known again.

They are sealed with the service's secret key before they are kept, so that the database alone gives none of them away.
"""

import base64
import hmac

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app


class BrokenSeal(Exception):
    """What was kept was sealed with another key, or changed since; the secret key is not the one of then."""


def seal(text: str, purpose: str) -> str:
    """The text, readable only with the secret key and for the same purpose."""
    return _box(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """What was sealed. Raises BrokenSeal."""
    try:
        return _box(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise BrokenSeal(f"what was sealed for {purpose} cannot be read with this BILLING_SECRET_KEY") from None


def fingerprint(text: str, purpose: str) -> bytes:
    """What the text is known again by (HMAC, RFC 2104), and what tells nobody without the secret key which it was."""
    return hmac.digest(_key(f"fingerprint of {purpose}"), text.encode(), "sha256")


def cipher(purpose: str) -> AESGCM:
    """What seals much, and often: bytes, each time with another nonce and together with what they belong to."""
    return AESGCM(_key(f"cipher of {purpose}"))


def _box(purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key(purpose)))


def _key(purpose: str) -> bytes:
    # One of its own for each purpose (RFC 5869), so that what was sealed for one cannot be passed off for another.
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=f"billing-api {purpose}".encode())
    return derived.derive(current_app.config["SECRET_KEY"].encode())
