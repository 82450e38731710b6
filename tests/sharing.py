"""One tenant for all tests of a module: for modules in which nothing depends on what another test has left."""

import pytest
from flask import Flask

from tests.factories import Tenant, sign_up


@pytest.fixture(scope="module")
def tenant(app: Flask) -> Tenant:
    """Taken by `tenant = sharing.tenant` in place of the one that each test has for itself."""
    return sign_up(app)
