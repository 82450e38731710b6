"""What is kept sealed can be read with the same key and for the same purpose, and in no other way."""

import pytest
from flask import Flask

from billing_api.sealing import BrokenSeal, fingerprint, seal, unseal


def test_what_is_sealed_can_be_read_again(app: Flask) -> None:
    with app.app_context():
        sealed = seal("JBSWY3DPEHPK3PXP", "second factor")
        assert "JBSWY3DPEHPK3PXP" not in sealed
        assert unseal(sealed, "second factor") == "JBSWY3DPEHPK3PXP"
        assert sealed != seal("JBSWY3DPEHPK3PXP", "second factor")


def test_what_was_sealed_for_one_purpose_is_not_passed_off_for_another(app: Flask) -> None:
    with app.app_context(), pytest.raises(BrokenSeal):
        unseal(seal("a secret", "mail"), "second factor")


@pytest.mark.parametrize("spoilt", ["", "gAAAA", "é"])
def test_what_was_changed_is_not_read(app: Flask, spoilt: str) -> None:
    with app.app_context(), pytest.raises(BrokenSeal):
        unseal(spoilt, "mail")


def test_another_key_opens_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        sealed = seal("a secret", "mail")
        monkeypatch.setitem(app.config, "SECRET_KEY", "another key of thirty-two bytes or more")
        with pytest.raises(BrokenSeal, match="BILLING_SECRET_KEY"):
            unseal(sealed, "mail")


def test_a_fingerprint_is_known_again_for_its_purpose_only(app: Flask) -> None:
    with app.app_context():
        assert fingerprint("ada@example.com", "mail") == fingerprint("ada@example.com", "mail")
        assert len(fingerprint("", "mail")) == 32
        others = {fingerprint("ida@example.com", "mail"), fingerprint("ada@example.com", "login")}
        assert fingerprint("ada@example.com", "mail") not in others
