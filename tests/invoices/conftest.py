"""What the tests of invoices share."""

import pytest
from flask import Flask

from tests.factories import Tenant, sign_up


@pytest.fixture(scope="module")
def shop(app: Flask) -> Tenant:
    """One tenant for many cases that keep nothing."""
    return sign_up(app)
