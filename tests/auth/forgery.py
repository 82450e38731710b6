"""Forged and dead access tokens, by name: the tricks of one who knows a good token, and even the key of the service."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing_api.web.tokens import REQUIRED_CLAIMS
from tests.factories import Tenant

STRANGER = Ed25519PrivateKey.generate()


class Forger:
    """Knows a good token, the service's own key, and every trick."""

    def __init__(self, holder: Tenant, victim: Tenant, own: Ed25519PrivateKey) -> None:
        self.good, self.refresh_token, self.own = holder.access_token, holder.refresh_token, own
        self.header = jwt.get_unverified_header(self.good)
        self.plain_header = {name: value for name, value in self.header.items() if name != "alg"}
        self.claims = jwt.decode(self.good, options={"verify_signature": False})
        self.others = jwt.decode(victim.access_token, options={"verify_signature": False})
        public = own.public_key()
        encoding, form = serialization.Encoding, serialization.PublicFormat
        self.public_pem = public.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo)
        self.public_raw = public.public_bytes(encoding.Raw, form.Raw)

    def signed(self, claims: Any = None, *, key: Any = None, without: str = "", **header: Any) -> str:
        """A token in the service's form, signed by its own key or another; a header of None is left out."""
        body = {name: value for name, value in {**self.claims, **(claims or {})}.items() if name != without}
        head = {name: value for name, value in {**self.header, **header}.items() if value is not None}
        return sign(head, body, (key or self.own).sign)

    def hmac(self, key: bytes, algorithm: str = "HS256") -> str:
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
        return sign({**self.header, "alg": algorithm}, self.claims, lambda text: hmac.new(key, text, digest).digest())


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(header: Any, claims: Any, signer: Callable[[bytes], bytes]) -> str:
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(signer(text.encode()))}"


def _claims() -> Iterator[tuple[str, Callable[[Forger], str]]]:
    """Signed by the service's own key, and yet not its tokens."""
    for name in sorted(REQUIRED_CLAIMS):
        yield f"without {name}", lambda f, name=name: f.signed(without=name)
        # A scope that is empty is that of a limited session.
        for kind, value in {"null": None, "a list": ["x"], "an object": {"x": 1}, "empty": "", "true": True}.items():
            if (name, kind) != ("scope", "empty"):
                yield f"{name} is {kind}", lambda f, name=name, value=value: f.signed({name: value})
    now = int(time.time())
    wrong: dict[str, Any] = {
        "iss": ["https://billing.example.com", "http://127.0.0.1:8000/", "HTTP://127.0.0.1:8000"],
        "aud": ["other-api", "billing-api ", ["other-api"]],
        "exp": [now - 1, now - 30, now - 86_400, 0, -1, "soon", float("nan"), float("inf")],
        "nbf": [now + 3600, now + 86_400, "later", float("inf")],
        "iat": [now + 3600, "before", float("-inf")],
        "type": ["refresh", "zzz", "ACCESS"],
        "org": [str(uuid.uuid4()), "1", "' OR 1=1 --"],
        "sid": [str(uuid.uuid4()), "1", "' OR 1=1 --"],
        "sub": [str(uuid.uuid4()), "1", 7, "' OR 1=1 --"],
        "client_id": ["another", "billing-api ", str(uuid.uuid4())],
        "scope": ["invoices:read", "owners:write", "everything"],
    }
    for name, values in wrong.items():
        # Named by position: a value that is made anew would give the test another name in every process.
        for position, value in enumerate(values, 1):
            yield f"{name} is wrong, {position}", lambda f, name=name, value=value: f.signed({name: value})
    for name in ("org", "sid", "sub"):
        yield f"{name} of another tenant", lambda f, name=name: f.signed({name: f.others[name]})
    # As if an API key spoke for itself, which is not bound to the scopes of a role.
    yield "a user as a service", lambda f: f.signed(dict.fromkeys(("client_id", "sid"), f.claims["sub"]))
    yield "a session as a service", lambda f: f.signed(dict.fromkeys(("client_id", "sub"), f.claims["sid"]))
    nobody = str(uuid.UUID(int=7))
    yield "a service that there is not", lambda f: f.signed(dict.fromkeys(("client_id", "sub", "sid"), nobody))
    yield "more scopes than the role has", lambda f: f.signed({"scope": f.claims["scope"] + " everything:write"})


def _signatures() -> Iterator[tuple[str, Callable[[Forger], str]]]:
    for none in ("none", "None", "NONE", "nOnE", ""):
        yield (
            f"alg {none!r} without signature",
            lambda f, none=none: sign({**f.header, "alg": none}, f.claims, lambda _: b""),
        )
        yield (
            f"alg {none!r} with the old one",
            lambda f, none=none: f"{part({**f.header, 'alg': none})}.{'.'.join(f.good.split('.')[1:])}",
        )
    for algorithm in ("HS256", "HS384", "HS512"):
        yield f"{algorithm} with the public key in PEM", lambda f, a=algorithm: f.hmac(f.public_pem, a)
        yield f"{algorithm} with the raw public key", lambda f, a=algorithm: f.hmac(f.public_raw, a)
        yield f"{algorithm} with an empty key", lambda f, a=algorithm: f.hmac(b"", a)
    yield "HS256 with the public key in base64", lambda f: f.hmac(base64.b64encode(f.public_raw))
    yield "HS256 with the key id", lambda f: f.hmac(f.header["kid"].encode())
    for name in ("RS256", "PS256"):
        yield (
            f"{name} with a key of one's own",
            lambda f, name=name: jwt.encode(f.claims, rsa.generate_private_key(65537, 2048), name, f.plain_header),
        )
    yield (
        "ES256 with a key of one's own",
        lambda f: jwt.encode(f.claims, ec.generate_private_key(ec.SECP256R1()), "ES256", f.plain_header),
    )
    yield (
        "Ed448 with a key of one's own",
        lambda f: jwt.encode(f.claims, Ed448PrivateKey.generate(), "EdDSA", f.plain_header),
    )
    yield "a stranger's key under our key id", lambda f: f.signed(key=STRANGER)
    yield "alg missing", lambda f: f.signed(alg=None)
    yield "alg is a list", lambda f: f.signed(alg=["EdDSA", "none"])
    yield "the signature cut off", lambda f: f.good.rpartition(".")[0] + "."
    yield "the signature halved", lambda f: f.good[:-43]
    yield "the signature doubled", lambda f: f.good + f.good.rpartition(".")[2]
    yield "the signature of zeros", lambda f: f"{f.good.rpartition('.')[0]}.{part(bytes(64))}"
    yield (
        "the signature of another token",
        lambda f: f"{f.good.rpartition('.')[0]}.{f.signed({'jti': 'x'}).rpartition('.')[2]}",
    )
    for place in (0, 20, 42, 60):
        yield f"signature changed at {place}", lambda f, place=place: _changed(f.good, place)
    yield (
        "claims changed under the old signature",
        lambda f: ".".join(
            [f.good.split(".")[0], part({**f.claims, "exp": f.claims["exp"] + 1}), f.good.split(".")[2]]
        ),
    )
    yield "two parts", lambda f: f.good.rpartition(".")[0]
    yield "four parts", lambda f: f"{f.good}.{part(b'x')}"
    yield "five parts, as an encrypted token", lambda f: f"{f.good}.{part(b'x')}.{part(b'x')}"
    yield "a detached payload", lambda f: f"{f.good.split('.')[0]}..{f.good.split('.')[2]}"
    yield "a critical extension that nobody knows", lambda f: f.signed(crit=["rule"], rule=1)
    yield "an unencoded payload", lambda f: f.signed(b64=False, crit=["b64"])


def _changed(token: str, place: int) -> str:
    head, _, signature = token.rpartition(".")
    other = "A" if signature[place] != "A" else "B"
    return f"{head}.{signature[:place]}{other}{signature[place + 1 :]}"


def _headers() -> Iterator[tuple[str, Callable[[Forger], str]]]:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": part(STRANGER.public_key().public_bytes_raw())}
    lures = {
        "jwk": jwk,
        "jku": "http://127.0.0.1:1/keys.json",
        "x5u": "http://127.0.0.1:1/keys.pem",
        "x5c": [base64.b64encode(b"certificate").decode()],
    }
    for name, value in lures.items():
        yield f"{name} of a stranger", lambda f, name=name, value=value: f.signed(key=STRANGER, **{name: value})
        yield (
            f"{name} of a stranger, no key id",
            lambda f, name=name, value=value: f.signed(key=STRANGER, kid=None, **{name: value}),
        )
    ids = [None, "", "0", "0002", "0001.pem", "../keys/0001", "../../etc/passwd", "/dev/null", "0001\0", "' OR 1", 1]
    for kid in [*ids, True, ["0001"], {"0001": 1}, "k" * 4000]:
        yield f"kid is {str(kid)[:20]!r}", lambda f, kid=kid: f.signed(kid=kid)
    for typ in (None, "JWT", "jwt", "refresh+jwt", "rt+jwt", "at+jwt ", "", 1, True, ["at+jwt"], {"at+jwt": 1}):
        yield f"typ is {typ!r}", lambda f, typ=typ: f.signed(typ=typ)


def _garbage() -> Iterator[tuple[str, Callable[[Forger], str]]]:
    nested = b"[" * 5000 + b"]" * 5000
    words = {
        "nothing": "", "a dot": ".", "two dots": "..", "words": "a.b.c", "null": "null", "undefined": "undefined",
        "slashes": "+/+.+/+.+/+", "a number": f"{part(1)}.{part(1)}.{part(1)}", "lists": f"{part([])}.{part([])}.AA",
        "broken JSON": f"{part(b'{')}.{part(b'{')}.AA", "not UTF-8": f"{part(b'%c' % 255)}.{part(b'%c' % 255)}.AA",
        "deep": f"{part(nested)}.{part(nested)}.AA", "very long": "a" * 60_000, "an API key": "bk_" + "a" * 43,
    }  # fmt: skip
    for name, word in words.items():
        yield f"garbage: {name}", lambda f, word=word: word
    yield "the refresh token", lambda f: f.refresh_token
    yield "the session id", lambda f: f.claims["sid"]
    yield (
        "deep claims under our key",
        lambda f: f"{(text := f'{part(f.header)}.{part(nested)}')}.{part(f.own.sign(text.encode()))}",
    )
    yield "a list of claims under our key", lambda f: sign(f.header, [f.claims], f.own.sign)


def _lines() -> Iterator[tuple[str, Callable[[Forger], str]]]:
    """Whole headers. The forged token beside a good one names another tenant and is signed by nobody."""
    yield "a forged one after the good one", lambda f: f"Bearer {f.good}, Token {_unsigned(f)}"
    yield "a forged one before the good one", lambda f: f"Token {_unsigned(f)}, Bearer {f.good}"
    yield "two bearers", lambda f: f"Bearer {f.good}, Bearer {_unsigned(f)}"
    yield "two good ones", lambda f: f"Bearer {f.good}, Bearer {f.good}"
    yield "a comma", lambda f: f"Bearer {f.good},"
    yield "a word more", lambda f: f"Bearer {f.good} {_unsigned(f)}"
    yield "two spaces", lambda f: f"Bearer  {f.good}"
    yield "a tab", lambda f: f"Bearer\t{f.good}"
    yield "quotes", lambda f: f'Bearer "{f.good}"'
    yield "no scheme", lambda f: f.good
    yield "another scheme", lambda f: f"Token {f.good}"
    yield "Basic", lambda f: f"Basic {base64.b64encode(f.good.encode()).decode()}"
    yield "the scheme alone", lambda f: "Bearer"
    yield "letters beyond ASCII", lambda f: "Bearer é.é.é"


def _unsigned(forger: Forger) -> str:
    return sign(forger.header, forger.others, lambda _: bytes(64))


TOKENS = dict([*_claims(), *_signatures(), *_headers(), *_garbage()])
LINES = dict(_lines())
