"""The service's secrets: the keys that sign access tokens, and the one that signs cursors.

They are made at the first start and kept in the instance, readable by its owner only, unless the settings give them.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config import Config, ConfigError


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one process. Every key verifies, the newest (by file name) signs."""

    secret: str
    signing: Mapping[str, Ed25519PrivateKey]

    @property
    def newest(self) -> str:
        """The `kid` of the key that signs."""
        return max(self.signing)

    def public(self, kid: str) -> Ed25519PublicKey | None:
        """The key that verifies what the private key of this name has signed."""
        private = self.signing.get(kid)
        return private.public_key() if private else None


def load(config: Config) -> Keys:
    """The secrets of this configuration; in development those that lack are made.

    Raises:
        ConfigError: a given folder holds no Ed25519 key that can be read.
    """
    if not config.jwt_keys_given:
        _make_signing_key(config.jwt_keys)
    signing = {path.stem: _read(path) for path in sorted(config.jwt_keys.glob("*.pem"))}
    if not signing:
        raise ConfigError([f"BILLING_JWT_KEYS: {config.jwt_keys} holds no *.pem file with an Ed25519 private key"])
    return Keys(config.secret_key or kept(config.instance / "secret_key", secrets.token_hex(32)), signing)


def kept(path: Path, fresh: str) -> str:
    """The secret in this file; `fresh` is written there when it does not exist yet."""
    if not path.exists():
        _write_once(path, fresh.encode())
    return path.read_text(encoding="ascii").strip()


def _make_signing_key(folder: Path) -> None:
    if any(folder.glob("*.pem")):
        return
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_once(folder / "0001.pem", pem)


def _write_once(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read. Of several processes at once the first one wins, whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, OSError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError([f"BILLING_JWT_KEYS: {path} is no Ed25519 private key in PEM without a password"])
    return key
