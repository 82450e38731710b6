"""The document of a release stays as it was released: what it is compared with cannot be moved by an edit.

`docs/released/digests.json` has the digest of each released version, the last one at the end. A release adds a line
there for the document that it copies; a line that is there is never changed.
"""

import hashlib
import json
from typing import Any

import pytest

from config import ROOT

FOLDER = ROOT / "docs" / "released"
DIGESTS: dict[str, str] = json.loads((FOLDER / "digests.json").read_text(encoding="utf-8"))


def faults(text: bytes, digests: dict[str, str]) -> list[str]:
    """What is wrong with a document that is said to be the last one of these."""
    version = json.loads(text)["info"]["version"]
    if version not in digests:
        return [f"{version} is no release: add its digest to docs/released/digests.json"]
    if version != list(digests)[-1]:
        return [f"{version} is not the last release"]
    if hashlib.sha256(text).hexdigest() != digests[version]:
        return [f"the document of {version} was changed after its release: raise the version"]
    return []


def test_the_released_document_is_as_it_was_released() -> None:
    """Plant the flaw by changing a word in docs/released/openapi.json while its version stands."""
    assert faults((FOLDER / "openapi.json").read_bytes(), DIGESTS) == []


def document(version: str, **more: Any) -> bytes:
    return json.dumps({"info": {"version": version}, **more}).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (document("1.1.0"), []),
        (document("1.1.0", paths={}), ["the document of 1.1.0 was changed after its release: raise the version"]),
        (document("1.0.0"), ["1.0.0 is not the last release"]),
        (document("1.2.0"), ["1.2.0 is no release: add its digest to docs/released/digests.json"]),
    ],
)
def test_a_release_that_was_edited_is_told(text: bytes, said: list[str]) -> None:
    """Plant the flaw by comparing versions alone."""
    digests = {version: hashlib.sha256(document(version)).hexdigest() for version in ("1.0.0", "1.1.0")}
    assert faults(text, digests) == said
