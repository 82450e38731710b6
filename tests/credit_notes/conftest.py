"""What the tests of credit notes share."""

import pytest
from flask import Flask

from tests.factories import Tenant, sign_up


@pytest.fixture(scope="module")
def shop(app: Flask) -> Tenant:
    """One tenant for many credits of invoices of their own."""
    return sign_up(app)
