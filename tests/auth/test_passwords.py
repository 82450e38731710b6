"""Which passwords are taken: long ones that are not guessed early, each to its last character."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from zxcvbn import matching
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from billing_api.auth import passwords
from billing_api.auth.passwords import PasswordTooWeak, refuse_weak
from tests import sharing
from tests.auth.world import SIGN_UP
from tests.factories import FACTOR, Tenant, login

tenant = sharing.tenant
FULL_WIDTH = "".join(chr(ord(letter) + 0xFEE0) for letter in "password1234")
"""The same letters as they are typed on a Japanese keyboard."""
MOST_USED = list(FREQUENCY_LISTS["passwords"])[:3000]


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reaches Argon2."""
    found: list[str] = []
    hasher = passwords._hasher

    class Noting:
        time_cost, memory_cost = hasher.time_cost, hasher.memory_cost

        def hash(self, password: str) -> str:
            found.append(password)
            return hasher.hash(password)

        def check_needs_rehash(self, stored: str) -> bool:
            return hasher.check_needs_rehash(stored)

        def verify(self, stored: str, password: str) -> bool:
            found.append(password)
            return hasher.verify(stored, password)

    monkeypatch.setattr(passwords, "_hasher", Noting())
    return found


def sign_up(client: FlaskClient, email: str, password: str, **values: Any) -> TestResponse:
    return client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": email, "password": password, **values})


def is_weak(password: str, *words: str) -> bool:
    try:
        refuse_weak(password, *words)
    except PasswordTooWeak:
        return True
    return False


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword", "password1234", "PASSWORD1234", "P@ssw0rd2024!", "qwertyuiop12", "123456789012",
        "aaaaaaaaaaaa", "abababababababab", "iloveyou!!!!", FULL_WIDTH, "trustno1trustno1",
        "01234567890123456789", "Liddell2026!", "DifferenceEngines", "founder@weak.example", "x" * 128,
    ],
)  # fmt: skip
def test_a_password_that_is_guessed_early_is_refused_before_it_is_hashed(
    client: FlaskClient, hashed: list[str], password: str
) -> None:
    named = {"name": "Alice Liddell", "organization_name": "Difference Engines"}
    answer = sign_up(client, "founder@weak.example", password, **named)
    assert (answer.status_code, answer.json["code"]) == (422, "password-too-weak")
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/password"]
    assert "several words" in answer.json["detail"]
    assert password not in answer.text
    assert hashed == []


@pytest.mark.parametrize("password", ["correct horse battery staple", "x7#kQz!9mLp2", "un mot de passe très long"])
def test_a_password_that_is_hard_to_guess_is_taken(password: str) -> None:
    assert not is_weak(password, "ada@example.com", "Ada Lovelace", "Analytical Engines")


@pytest.mark.parametrize(
    "password",
    ["letmein12345!", "Qwertz123456!", "Sommer2026!!!!", "Password2026!", "Winter2026!!!!"],
)
def test_a_common_word_with_a_year_and_a_sign_is_refused(password: str) -> None:
    assert is_weak(password)


OWN = ("olga.smith1987@acme.example", "Olga Weiß", "Acme")


@pytest.mark.parametrize(
    "password",
    [
        "Olga Weiß 2026!", "OLGA WEISS 2026!", "Acme2026!Acme", "olgaacme2026", "Acme Acme Olga Olga", "AcmeAcmeAcme",
        "Olga Acme olga.smith1987@acme.example", "OlgaAcme#2026x", "acme-smith-acme-17", "Olga loves Acme!",
    ],
)  # fmt: skip
def test_ones_own_words_count_for_nothing_however_they_are_put_together(password: str) -> None:
    with pytest.raises(PasswordTooWeak) as refused:
        refuse_weak(password, *OWN)
    assert "several words" in refused.value.detail
    assert not any(word in refused.value.detail for word in password.split())


def test_it_is_said_where_too_little_is_left_without_ones_own_words() -> None:
    with pytest.raises(PasswordTooWeak, match="Without your own name, address and organization"):
        refuse_weak("Acme Acme Olga Olga", *OWN)


def test_what_is_good_without_ones_own_words_is_good_with_them() -> None:
    for password in ("Acme and nine green ladders", "olga x7#kQz!9mLp2", "a smith's ladder of nine moons"):
        assert not is_weak(password, *OWN)


def test_ones_own_words_break_no_common_word_so_that_it_is_taken() -> None:
    """Without "link" and "pass" nobody would know these again."""
    assert is_weak("linkinpark12", "Link Pass")
    assert is_weak("passwordpassword", "Link Pass")


def test_without_the_rule_a_common_password_would_be_taken(
    client: FlaskClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "refuse_weak", lambda *_: None)
    assert sign_up(client, f"weak.{tenant.email}", "password1234").status_code == 201


def variants(word: str) -> list[str]:
    """A common password as it becomes long enough: repeated, or filled up."""
    if len(word) >= 12:
        return [word]
    return [word * -(-12 // len(word)), word.ljust(12, "!")]


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_the_three_thousand_most_used_passwords_are_refused_however_they_are_made_long_enough(step: int) -> None:
    long_ones = [word for word in MOST_USED if len(word) >= 12]
    assert len(long_ones) == 12
    assert [one for word in [*long_ones, *MOST_USED[::step]] for one in variants(word) if not is_weak(one)] == []


SIGNS = "$14(0+7|@3826{!%9<5["
"""All that may stand for a letter: of these twenty alone there are 736 readings."""


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each text of which all parts are looked up, in one reading of its signs: this is what takes time, as their
    lengths' squares do."""
    found: list[str] = []
    look_up = matching.dictionary_match

    def noting(text: str, _ranked_dictionaries: Any) -> Any:
        found.append(text)
        return look_up(text, _ranked_dictionaries)

    monkeypatch.setattr(matching, "dictionary_match", noting)
    return found


@pytest.mark.parametrize("length", [12, 13, 16, 20, 24, 32, 47, 48, 49, 128])
@pytest.mark.parametrize(
    "made",
    [
        lambda length: (SIGNS * 7)[:length],
        lambda length: ("4@({[<1!|7$5" + SIGNS * 7)[:length],
        lambda length: "a" * (length - 12) + "4@({[<1!|7$5",
        lambda length: "4@({[<1!|7$5" + "a" * (length - 12),
        lambda length: (SIGNS[: length // 2] * 3)[:length],
        lambda length: ("pan+h3r$du$73rm@||ardp0nyr3d123xf1|3sm1$" * 4)[:length],
        lambda length: ("1119911211198712" * 8)[:length],
    ],
    ids=["signs", "costly signs", "signs at the end", "signs first", "signs repeated", "words of signs", "dates"],
)
def test_no_password_takes_seconds_to_be_judged(looked_up: list[str], made: Callable[[int], str], length: int) -> None:
    """All logins of a process wait meanwhile. Made for it, 48 characters took three seconds."""
    is_weak(made(length))
    assert 0 < sum(len(text) ** 2 for text in looked_up) <= 20 * 48**2
    assert max(map(len, looked_up)) <= 48


def test_ones_own_words_take_no_longer(looked_up: list[str]) -> None:
    own = " ".join("a" * length for length in range(3, 22))
    is_weak(f"{SIGNS}aaa{SIGNS}", own, own, own)
    # As it stands, and without them.
    assert sum(len(text) ** 2 for text in looked_up) <= 2 * 20 * 48**2


def reached(password: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What of a password is judged."""
    found: list[str] = []
    judge = passwords.zxcvbn

    def noting(text: str, words: list[str]) -> Any:
        found.append(text)
        return judge(text, words)

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "zxcvbn", noting)
        is_weak(password)
    return found[0]


def test_what_people_take_is_judged_as_far_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    phrase = "correct horse battery staple and a ladder of nine green moons"
    assert reached(phrase, monkeypatch) == phrase[:48]
    for whole in ("P@ssw0rd2024!P4$$word1", "1qaz2wsx!QAZ@WSX3edc$RFV", "0123456789" * 4 + "!", "4@({[<1!|7$5"):
        assert reached(whole, monkeypatch) == whole


def test_of_many_signs_so_much_is_judged_that_the_good_ones_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for password in (SIGNS + "x", "[4(@1!<x$7{+9|5kQ0%w", "7|p<4@({[1!$5+ my own ladder"):
        assert 12 <= len(reached(password, monkeypatch)) < len(password)
        assert not is_weak(password)


@pytest.mark.parametrize(
    "password",
    [
        "!@#$%^&*()_+{}|", "1234567890!@#$%^&*()", "+_)(*&^%$#@!1234567890", "({[<({[<({[<({[<", "4@4@4@4@4@4@4@4@",
        "1|1|1|1|1|1|1|1|!!!!!!!!!", "P@$$w0rd!P@$$w0rd!P@$$w0rd!", "a" * 128, "12" * 64,
    ],
)  # fmt: skip
def test_signs_make_no_weak_password_good(password: str) -> None:
    assert is_weak(password, *OWN)


def test_a_bad_beginning_is_made_good_by_what_comes_within_that_which_is_judged() -> None:
    assert not is_weak("a" * 30 + " correct horse battery")
    assert is_weak("a" * 48 + " correct horse battery")


def test_behind_rows_of_keys_nothing_is_judged() -> None:
    """These hold nearly all of the signs there are, and leave no time for more."""
    assert is_weak("+_)(*&^%$#@!1234567890qwertyuiop correct horse battery staple")
    assert not is_weak("correct horse battery staple +_)(*&^%$#@!1234567890qwertyuiop")


def test_seventy_bytes_that_differ_at_the_end_differ(client: FlaskClient, tenant: Tenant) -> None:
    password, email = "correct horse battery staple, and seven more words to fill up a line.", f"long.{tenant.email}"
    assert len(password.encode()) == 69
    assert sign_up(client, email, f"{password}a").status_code == 201
    assert login(client, email, f"{password}b").status_code == 401
    assert login(client, email, password).status_code == 401
    assert login(client, email, f"{password}a").status_code == 200


def test_all_of_a_hundred_and_twenty_eight_characters_count(client: FlaskClient, tenant: Tenant) -> None:
    password, email = ("correct horse battery staple " * 5)[:127], f"longest.{tenant.email}"
    assert sign_up(client, email, f"{password}ä").status_code == 201
    assert login(client, email, f"{password}a").status_code == 401
    assert login(client, email, f"{password}ä").status_code == 200


@pytest.mark.parametrize(
    "password",
    ["\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 60, "\N{GRINNING FACE}" * 257],
    ids=["60 letters that are 1,080", "257 letters of four bytes"],
)
def test_more_than_a_kilobyte_is_refused_before_it_is_hashed(
    client: FlaskClient, tenant: Tenant, hashed: list[str], password: str
) -> None:
    """In the form in which it would be hashed: one letter may stand for eighteen."""
    for email in (tenant.email, f"nobody.{tenant.email}"):
        answer = login(client, email, password)
        assert (answer.status_code, answer.json["code"]) == (422, "password-too-long")
        assert [fault["pointer"] for fault in answer.json["errors"]] == ["/password"]
    if len(password) <= 128:
        assert sign_up(client, f"much.{tenant.email}", password).json["code"] == "password-too-long"
    assert hashed == []


def test_a_present_password_that_is_too_long_is_pointed_at_where_it_stands(tenant: Tenant, hashed: list[str]) -> None:
    long = "\N{GRINNING FACE}" * 257
    answers = {
        "/current_password": tenant.put(
            "/v1/me/password", {"current_password": long, "new_password": SIGN_UP["password"]}
        ),
        "/password": tenant.post(FACTOR, {"password": long}),
    }
    for pointer, answer in answers.items():
        assert (answer.status_code, answer.json["code"]) == (422, "password-too-long")
        assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
    assert hashed == []
