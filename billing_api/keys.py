"""The service's secrets: the keys that sign access tokens, and the one that signs cursors and seals
what must be read again.

They are made at the first start and kept in the instance, readable by its owner only, unless the settings give them.
"""

import datetime as dt
import math
import os
import secrets
from pathlib import Path

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing_api import clock
from config import Config, ConfigError

_DATED = "%Y%m%dT%H%M%SZ"
_SETTLED_SECONDS = 2
BEFORE_ALL = dt.datetime.min.replace(tzinfo=dt.UTC)
"""When a key whose name is no time began to sign."""

Owner = tuple[int, int]
"""The numbers of a user and their group."""

log = structlog.get_logger()


class KeyRing(dict[str, Ed25519PrivateKey]):
    """Keys by their `kid`, as they were at one time; what was found out with them holds for this ring alone."""

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # nobody changes it

    def __eq__(self, other: object) -> bool:
        return self is other


class Keys:
    """The secrets of one process. Every key of the folder verifies; the newest whose time has come signs."""

    def __init__(self, secret: str, folder: Path) -> None:
        self.secret = secret
        self._folder = folder
        self._stamp = _stamp(folder)
        self._signing = read_all(folder)

    @property
    def signing(self) -> KeyRing:
        """All keys by their `kid`. The folder is read again when it has changed: a key that was put there, or taken
        away, counts from the next request on. One that cannot be read changes nothing."""
        stamp = _stamp(self._folder)
        # A folder may change twice within one tick of its clock, so what has changed just now is read again.
        if stamp != self._stamp or 0 <= clock.now().timestamp() - stamp < _SETTLED_SECONDS:
            self._stamp = stamp
            try:
                self._signing = read_all(self._folder)
            except ConfigError as error:
                log.error("signing keys", reason=str(error))
        return self._signing

    @property
    def signer(self) -> str:
        """The `kid` of the key that signs now."""
        started = [kid for kid in self.signing if starts_at(kid) <= clock.now()]
        # Where all are yet to come there is one whose time comes first.
        return max(started, key=_age) if started else min(self.signing, key=_age)


def starts_at(kid: str) -> dt.datetime:
    """When a key begins to sign. Its name may say so (20261122T101500Z); any other name is older than all of these."""
    try:
        return dt.datetime.strptime(kid, _DATED).replace(tzinfo=dt.UTC)
    except ValueError:
        return BEFORE_ALL


def named(starts: dt.datetime) -> str:
    """The name of a key that begins to sign then."""
    return starts.strftime(_DATED)


def load(config: Config) -> Keys:
    """The secrets of this configuration; in development those that lack are made.

    Raises:
        ConfigError: a given folder holds no Ed25519 key that can be read.
    """
    if not config.jwt_keys_given:
        make_first(config.jwt_keys)
    return Keys(config.secret_key or kept(config.instance / "secret_key", secrets.token_hex(32)), config.jwt_keys)


def kept(path: Path, fresh: str) -> str:
    """The secret in this file; `fresh` is written there when it does not exist yet."""
    if not path.exists():
        _write_once(path, fresh.encode())
    return path.read_text(encoding="ascii").strip()


def make_first(folder: Path, owner: Owner | None = None) -> None:
    """Write a first signing key, unless there is any."""
    if not any(folder.glob("*.pem")):
        make(folder / "0001.pem", owner)


def make(path: Path, owner: Owner | None = None) -> None:
    """Write a new signing key, unless there is one of this name; for somebody else if so told.

    Raises:
        ConfigError: it cannot be written, or not be given to its owner. Nothing of it is left then.
    """
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        _write_once(path, pem, owner)
    except OSError as error:
        raise _barred(path, "written", error) from None


def read_all(folder: Path) -> KeyRing:
    """The signing keys of a folder by their `kid`.

    Raises:
        ConfigError: there is none, or one that cannot be read.
    """
    try:
        signing = KeyRing((path.stem, _read(path)) for path in sorted(folder.iterdir()) if path.suffix == ".pem")
    except OSError as error:
        raise _barred(error.filename or folder, "read", error) from None
    if not signing:
        raise ConfigError([f"BILLING_JWT_KEYS: {folder} holds no *.pem file with an Ed25519 private key"])
    return signing


def _barred(path: Path | str, deed: str, error: OSError) -> ConfigError:
    """It names the user, for as a rule the file is another's."""
    return ConfigError([f"BILLING_JWT_KEYS: {path} cannot be {deed} by user {os.geteuid()}: {error.strerror}"])


def _age(kid: str) -> tuple[dt.datetime, str]:
    return starts_at(kid), kid


def _stamp(folder: Path) -> float:
    """When the folder last changed, in seconds of the epoch; before all times where there is none."""
    try:
        return os.stat(folder).st_mtime
    except OSError:
        return -math.inf


def _write_once(path: Path, content: bytes, owner: Owner | None = None) -> None:
    """Write a file that only its owner may read. Of several processes at once the first one wins, whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            if owner is not None:
                os.fchown(handle, *owner)
            file.write(content)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> Ed25519PrivateKey:
    pem = path.read_bytes()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError([f"BILLING_JWT_KEYS: {path} is no Ed25519 private key in PEM without a password"])
    return key
