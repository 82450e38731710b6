"""What the tests of safe retries share."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from billing_api.embedded import Addresses
from tests.schema import connected


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def owner(addresses: Addresses) -> Iterator[Any]:
    """A cursor that passes every policy."""
    with connected(addresses.owner) as cursor:
        yield cursor
