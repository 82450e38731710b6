"""What the tests of logins share."""

import pytest

from tests.factories import Tenant


@pytest.fixture
def user(tenant: Tenant) -> Tenant:
    """A colleague without a second factor."""
    return tenant.colleague("viewer")
