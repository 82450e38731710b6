"""ETag, If-Match and If-None-Match: the version of an object as HTTP speaks of it (RFC 9110, section 13)."""

import re

from flask import g, request

from billing_api.errors import Fault, Malformed, PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')

_VERSION = re.compile(r"[1-9][0-9]{0,8}")
"""A tag is compared as text: `"01"` is not the tag of version 1, though it is the same number."""


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def expected_version() -> int | None:
    """The version that the client means to change, from If-Match; None where it names none, or any (`*`).

    A tag that no version of ours could have is one that does not match.

    Raises:
        Malformed: the header is no list of entity tags.
        PreconditionFailed: it names several, or one that is not ours.
        PreconditionRequired: it is absent, and the organization demands it.
    """
    header = request.headers.get("If-Match")
    if header is None and g.get("demands_if_match"):
        raise PreconditionRequired()
    if header is None or header.strip() == "*":
        return None
    tags = _tags(header, "If-Match")
    # A strong comparison: a weak tag never matches (RFC 9110, section 13.1.1).
    if len(tags) == 1 and _VERSION.fullmatch(tags[0]) and not header.strip().startswith("W/"):
        return int(tags[0])
    raise PreconditionFailed()


def is_known(tag: str) -> bool:
    """Whether If-None-Match says that the client holds this version already."""
    header = request.headers.get("If-None-Match")
    if header is None:
        return False
    return header.strip() == "*" or tag.strip('"') in _TAG.findall(header)


def _tags(header: str, name: str) -> list[str]:
    parts = [part.strip() for part in header.split(",")]
    matches = [_TAG.fullmatch(part) for part in parts]
    if not all(matches):
        raise Malformed(f"{name} is no entity tag.", faults=[Fault("wrong-format", 'Such as "3".', parameter=name)])
    return [match[1] for match in matches if match]
