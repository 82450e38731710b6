"""The checks of the histories say what differs, as those in tests do."""

import pytest

pytest.register_assert_rewrite("tests.journeys.ties")
