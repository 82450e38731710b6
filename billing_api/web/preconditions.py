"""ETag, If-Match and If-None-Match: the version of an object as HTTP speaks of it (RFC 9110, section 13)."""

import re
from collections.abc import Collection, Iterator

from flask import g

from billing_api.errors import Fault, Malformed, PreconditionFailed, PreconditionRequired
from billing_api.web.request import Request, current_request

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_LIST = re.compile(rf"{_TAG.pattern}([ \t]*,[ \t]*{_TAG.pattern})*")

_VERSION = re.compile(r"[1-9][0-9]{0,8}")
"""A tag is compared as text: `"01"` is not the tag of version 1, though it is the same number."""

_ANY = range(1, 2**31)


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


class _AllBut(Collection[int]):
    """Every version but these. As a collection it is empty where there need be no object yet."""

    def __init__(self, barred: Collection[int], *, may_be_new: bool) -> None:
        self._barred, self._may_be_new = barred, may_be_new

    def __contains__(self, version: object) -> bool:
        return version not in self._barred

    def __iter__(self) -> Iterator[int]:
        return iter(() if self._may_be_new else _ANY)

    def __len__(self) -> int:
        return 0 if self._may_be_new else len(_ANY)


def expected_version() -> Collection[int] | None:
    """The versions of which the object must have one, so that the client may write; None where it asks for nothing.

    `If-Match: *` asks for any, so that there must be one. `If-None-Match: *` asks for none, so that there must not be
    one yet: whoever can create takes what is empty for leave to do so, and no object that is there has a version in it.
    `If-None-Match` with tags asks that the object be at none of these.

    Raises:
        Malformed: a header is no list of entity tags.
        PreconditionFailed: If-Match names nothing of ours, or both ask for what cannot be together.
        PreconditionRequired: it is absent, and the organization demands it.
    """
    request = current_request()
    wanted, barred = _versions(request, "If-Match"), _versions(request, "If-None-Match", is_weak_enough=True)
    if wanted is None:
        if g.get("demands_if_match") and barred is not _ANY:
            raise PreconditionRequired()
        if barred is None:
            return None
        return frozenset() if barred is _ANY else _AllBut(barred, may_be_new=True)
    if wanted is _ANY and barred is not _ANY:
        return _AllBut(barred or (), may_be_new=False)
    left = () if barred is _ANY else [one for one in wanted if one not in (barred or ())]
    if not left:
        raise PreconditionFailed()
    return left


def is_known(request: Request, version: int) -> bool:
    """Whether If-None-Match says that the client holds this version already. Raises Malformed."""
    return version in (_versions(request, "If-None-Match", is_weak_enough=True) or ())


def _versions(request: Request, name: str, *, is_weak_enough: bool = False) -> Collection[int] | None:
    """The versions that a header's list of entity tags names; None where it is absent. If-Match compares strongly, so
    that a weak tag never matches, and If-None-Match does not (RFC 9110, sections 13.1.1 and 13.1.2)."""
    header = request.headers.get(name)
    if header is None:
        return None
    header = header.strip()
    if header == "*":
        return _ANY
    if not _LIST.fullmatch(header):
        fault = Fault("wrong-format", 'An ETag belongs here with its quotes, such as "1".', parameter=name)
        raise Malformed(f"{name} is no list of entity tags.", faults=[fault])
    tags = [text for weak, text in _TAG.findall(header) if is_weak_enough or not weak]
    return frozenset(int(text) for text in tags if _VERSION.fullmatch(text))
