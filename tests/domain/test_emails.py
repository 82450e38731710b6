"""When two addresses are one, and where mail to one of them goes."""

import pytest

from billing_api.domain.emails import ascii_domain, fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("zo\u00eb@example.com", "zoe\u0308@example.com"),
        ("ada@m\u00fcller.example", "ada@xn--mller-kva.example"),
        ("kim@fu\u00dfzeile.example", "KIM@xn--fuzeile-1va.example"),
        ("ada@\uff45xample.com", "ada@example.com"),
    ],
)
def test_these_are_one_address(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mike@example.com", "m\u0131ke@example.com"),
        # Two domains, of which each may be somebody's (IDNA 2008); the older rules made one of them.
        ("kim@fu\u00dfzeile.example", "kim@fusszeile.example"),
        ("ada@example.com", "ada@ex\u0430mple.com"),
    ],
)
def test_these_are_two(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_mail_goes_to_the_domain_that_was_meant() -> None:
    assert ascii_domain("fu\u00dfzeile.example") == "xn--fuzeile-1va.example"
    assert ascii_domain("not a domain") == "not a domain"
