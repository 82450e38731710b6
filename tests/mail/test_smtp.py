"""TLS as far as the server knows it, passwords in TLS only, and what a server says of us and not of a mail."""

import datetime as dt
import ipaddress
import ssl
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.x509.oid import NameOID

from billing_api import clock
from billing_api.mail.service import Letter
from billing_api.smtp import NotSent, Refused, ServerAway
from tests.mail.conftest import Mailbox, listening, through
from tests.service_processes import free_port

LETTER = Letter(uuid.UUID(int=1), uuid.UUID(int=2), "test", 1, "ada@example.com", "Subject", "Text")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody knows, with its key."""
    key, name = generate_private_key(SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(clock.now() - dt.timedelta(days=1))
        .not_valid_after(clock.now() + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def knows(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
    is_known = (getattr(data, "login", b""), getattr(data, "password", b"")) == (b"user", b"p@ss/word")
    return AuthResult(success=is_known, handled=False)


def test_a_password_is_told_in_tls_to_a_server_that_shows_a_certificate_we_trust(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(tls_context=tls(certificate), authenticator=knows, auth_required=True) as mailbox:
        good = through(f"smtp://user:p%40ss%2Fword@127.0.0.1:{mailbox.port}")
        assert said(good) == (ServerAway, "untrusted-certificate")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        good(LETTER)
        assert len(mailbox.taken) == 1
        wrong = through(f"smtp://user:wrong@127.0.0.1:{mailbox.port}")
        assert said(wrong) == (ServerAway, "smtp-535"), "a mistake of the operator's, for which no mail is given up"
        nobody = through(mailbox.url)
        assert said(nobody) == (ServerAway, "smtp-530")
        assert len(mailbox.taken) == 1


def test_a_password_is_never_told_in_the_clear(mailbox: Mailbox) -> None:
    assert said(through(f"smtp://user:secret@127.0.0.1:{mailbox.port}")) == (ServerAway, "no-tls")


def test_a_server_that_speaks_no_tls_is_not_taken_for_one_that_does(mailbox: Mailbox) -> None:
    assert said(through(f"smtps://127.0.0.1:{mailbox.port}"))[0] is ServerAway
    assert mailbox.taken == []


def test_a_server_that_is_not_there_is_away() -> None:
    assert said(through(f"smtp://127.0.0.1:{free_port()}")) == (ServerAway, "unreachable")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("550 No", (Refused, "smtp-550")), ("450 Later", (NotSent, "smtp-450")), ("421 Off", (NotSent, "smtp-421"))],
)
def test_what_a_server_says_of_a_recipient_is_of_this_mail_alone(
    mailbox: Mailbox, answer: str, outcome: tuple[type[NotSent], str]
) -> None:
    mailbox.answers = {LETTER.recipient: [answer]}
    assert said(mailbox.send) == outcome


def test_a_server_that_knows_no_other_scripts_refuses_such_a_recipient_for_good() -> None:
    letter = Letter(uuid.UUID(int=1), uuid.UUID(int=2), "test", 1, "jürgen@example.com", "Subject", "Text")
    with listening(is_plain=True) as mailbox:
        assert said(mailbox.send, letter) == (Refused, "smtputf8-unsupported")


def said(send: Callable[[Letter], None], letter: Letter = LETTER) -> tuple[type[NotSent], str]:
    with pytest.raises(NotSent) as caught:
        send(letter)
    return type(caught.value), caught.value.code
