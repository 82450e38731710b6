"""ETag, If-Match and If-None-Match: the version of an object as HTTP speaks of it (RFC 9110, section 13)."""

import re
from collections.abc import Collection

from flask import g, request

from billing_api.errors import Fault, Malformed, PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_LIST = re.compile(rf"{_TAG.pattern}([ \t]*,[ \t]*{_TAG.pattern})*")

_VERSION = re.compile(r"[1-9][0-9]{0,8}")
"""A tag is compared as text: `"01"` is not the tag of version 1, though it is the same number."""

_ANY = range(1, 2**31)


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def expected_version() -> Collection[int] | None:
    """The versions of which the object must have one, so that the client may write; None where it asks for nothing.

    `If-Match: *` asks for any, so that there must be one. `If-None-Match: *` asks for none, so that there must not be
    one yet: whoever can create takes the empty set for leave to do so, and no object that is there has a version in it.

    Raises:
        Malformed: If-Match is no list of entity tags.
        PreconditionFailed: it names nothing of ours, or both ask for what cannot be together.
        PreconditionRequired: both are absent, and the organization demands one.
    """
    header, is_new = request.headers.get("If-Match"), request.headers.get("If-None-Match", "").strip() == "*"
    if header is None:
        if not is_new and g.get("demands_if_match"):
            raise PreconditionRequired()
        return frozenset() if is_new else None
    versions = _ANY if header.strip() == "*" else _versions(header)
    if is_new or not versions:
        raise PreconditionFailed()
    return versions


def is_known(tag: str) -> bool:
    """Whether If-None-Match says that the client holds this version already."""
    header = request.headers.get("If-None-Match")
    if header is None:
        return False
    return header.strip() == "*" or tag.strip('"') in [text for _, text in _TAG.findall(header)]


def _versions(header: str) -> frozenset[int]:
    """The versions that a list of entity tags names. The comparison is a strong one: a weak tag never matches
    (RFC 9110, section 13.1.1)."""
    if not _LIST.fullmatch(header.strip()):
        fault = Fault("wrong-format", 'An ETag belongs here with its quotes, such as "1".', parameter="If-Match")
        raise Malformed("If-Match is no list of entity tags.", faults=[fault])
    return frozenset(int(text) for weak, text in _TAG.findall(header) if not weak and _VERSION.fullmatch(text))
