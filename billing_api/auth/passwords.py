"""Passwords: Argon2id, none that are guessed early, and an answer whose time does not tell whether a user exists."""

import hashlib
import re
import threading
import unicodedata

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError
from zxcvbn import zxcvbn
from zxcvbn.matching import L33T_TABLE, enumerate_l33t_subs, relevant_l33t_subtable

from billing_api.errors import Fault, Invalid

LONGEST_BYTES = 1024
"""What is longer is refused before it is hashed; some letters become eighteen others when they are made normal."""

# 19 MiB, as the OWASP password storage cheat sheet (2025) has it for Argon2id, and one pass more than its two.
_hasher = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
# A hash occupies a core for tens of milliseconds: more than two at once would starve every other request.
_at_once = threading.BoundedSemaphore(2)
_nobody = "$argon2id$v=19$m=19456,t=3,p=1$KVfW+SRUzfonmZx2effOPQ$c0NLtjlyShyB7n95xreXZdgamXGiydkJ4kYgkIGL0H8"
"""The hash of a user who does not exist, of random letters; made once, because each process would spend 45 ms on it."""

_FEWEST_GUESSES = 10**10
"""From here on zxcvbn gives its best mark. Below are all of the three thousand most used passwords, doubled, repeated,
or filled up with one character, and a season or a row of keys with a year and a few signs behind it."""
_ADVICE = "Take several words that have nothing to do with you or with each other."
_LITTLE_LEFT = "Without your own name, address and organization too little of it is left."
_JUDGED = 48
"""So many characters are looked at: the time that it takes grows faster than the text, and so long a beginning that is
good makes the whole good."""
_MOST_WORK = 12 * _JUDGED**2
"""All parts of a text are looked up in every way to read its signs as letters. A text that was made for it has hundreds
of these, and took seconds, in which nobody could log in; one of full length may have twelve."""
# zxcvbn keeps the words of the one call in a table that all calls share.
_judging = threading.Lock()


class PasswordTooWeak(Invalid):
    """The password would be among the first to be guessed: it is a common one, repeats itself, follows the keyboard, or
    is made of your own name, address and organization: these count for nothing, and what is left without them must be
    hard to guess by itself. Take several words that have nothing to do with you or with each other, or let a password
    manager make one."""

    code = "password-too-weak"
    title = "The password is too easy to guess"


class PasswordTooLong(Invalid):
    """The password is longer than 1,024 bytes in UTF-8, after its letters were brought into their normal form (NFKC).
    Take a shorter one: nobody guesses one of 128 plain letters."""

    code = "password-too-long"
    title = "The password is too long"


class PasswordUnchanged(Invalid):
    """The new password is the present one. Whoever else knows that would know it still: take another."""

    code = "password-unchanged"
    title = "The new password is the present one"


def digest(password: str) -> str:
    """The hash to keep of a password. Raises PasswordTooLong."""
    normal = _normal(password)
    with _at_once:
        return _hasher.hash(normal)


def matches(stored: str | None, password: str, pointer: str = "/password") -> bool:
    """Whether the password is the one that was hashed; without a stored hash exactly as slow, and False. A hash of
    fewer passes over as much memory is made up for, so that it takes as long to within a twentieth, and one of another
    memory to within half a pass; one that costs more takes longer until it is renewed. Raises PasswordTooLong."""
    normal = _normal(password, pointer)
    with _at_once:
        if missing := _missing_passes(stored or _nobody):
            _pass_time(normal, missing)
        try:
            return _hasher.verify(stored or _nobody, normal) and stored is not None
        except (Argon2Error, InvalidHashError):
            return False


def renewed(stored: str, password: str) -> str | None:
    """The hash to keep in place of this one, which matches, where hashes cost something else by now; None where it may
    stay. Of several at once each makes the same, so that none takes it for another password. Raises PasswordTooLong."""
    if not _hasher.check_needs_rehash(stored):
        return None
    normal = _normal(password)
    # No less random than the old one, salt included, from which it is made.
    salt = hashlib.blake2b(stored.encode(), digest_size=_hasher.salt_len).digest()
    with _at_once:
        return _hasher.hash(normal, salt=salt)


def refuse_weak(password: str, *words: str, pointer: str = "/password") -> None:
    """Refuse a new password that is guessed early, as it stands or without `words`, which are those that everybody
    would try with this person: their address, their name, their organization.

    Raises:
        PasswordTooWeak, PasswordTooLong
    """
    normal, tried = _normal(password, pointer), _tried(words)
    guesses, why = _judged(normal, tried)
    if guesses >= _FEWEST_GUESSES and (rest := _rest(normal, words)) is not None:
        (guesses, _), why = _judged(rest, tried), _LITTLE_LEFT
    if guesses < _FEWEST_GUESSES:
        advice = f"{why} {_ADVICE}".strip()
        raise PasswordTooWeak(advice, faults=[Fault("password-too-weak", advice, pointer)])


def refuse_same(present: str, new: str, pointer: str) -> None:
    """Refuse a new password that is the present one. Raises PasswordUnchanged, PasswordTooLong."""
    if _normal(new, pointer) == _normal(present):
        raise _unchanged(pointer)


def refuse_kept(stored: str, new: str) -> None:
    """The same where only the hash of the present one is known. Raises PasswordUnchanged, PasswordTooLong."""
    if matches(stored, new):
        raise _unchanged("/password")


def _missing_passes(stored: str) -> int:
    """How many passes over the memory this hash lacks to those of today. One that cannot be read is not run at all."""
    try:
        of = extract_parameters(stored)
    except InvalidHashError:
        return _hasher.time_cost
    return max(0, round(_hasher.time_cost - of.time_cost * of.memory_cost / _hasher.memory_cost))


def _pass_time(normal: str, passes: int) -> None:
    PasswordHasher(passes, _hasher.memory_cost, _hasher.parallelism).hash(normal)


def _unchanged(pointer: str) -> PasswordUnchanged:
    return PasswordUnchanged(faults=[Fault("password-unchanged", "Another one belongs here.", pointer)])


def _judged(text: str, words: list[str]) -> tuple[int, str]:
    """After how many guesses it is found, as an estimate, and why so early, where that can be said."""
    with _judging:
        # An empty text cannot be judged.
        found = zxcvbn(_beginning(text) or " ", words)
    return int(found["guesses"]), found["feedback"]["warning"]


def _beginning(text: str) -> str:
    """As much of it as is judged within the time that one may take. It ends early after many different signs, which are
    hard to guess themselves, unless they are rows of the keyboard: then what comes after them counts for nothing."""
    length, longest = 0, min(len(text), _JUDGED)
    while length < longest and (length + 1) ** 2 * _readings(text[: length + 1]) <= _MOST_WORK:
        length += 1
    return text[:length]


def _readings(text: str) -> int:
    """In how many ways zxcvbn reads the signs of a text as letters."""
    return len(enumerate_l33t_subs(relevant_l33t_subtable(text, L33T_TABLE)))


def _tried(words: tuple[str, ...]) -> list[str]:
    """Each of them whole, without its spaces, and in its parts."""
    parts = [part for word in words for part in re.split(r"\W+", word) if len(part) > 2]
    return [*words, *(re.sub(r"\W+", "", word) for word in words), *parts]


def _rest(normal: str, words: tuple[str, ...]) -> str | None:
    """What is left without the parts of these words that have three letters or more, be they small or capital; None
    where none of them is in it."""
    known = unicodedata.normalize("NFKC", " ".join(words)).casefold()
    rest = folded = normal.casefold()
    # The longer ones first: they may have others in them.
    for part in sorted(re.findall(r"[^\W\d_]{3,}", known), key=len, reverse=True):
        rest = rest.replace(part, "")
    return rest if rest != folded else None


def _normal(password: str, pointer: str = "/password") -> str:
    # NIST SP 800-63B, 3.1.1.2: the same password typed on two systems must be the same bytes.
    normal = unicodedata.normalize("NFKC", password)
    if len(normal.encode()) > LONGEST_BYTES:
        detail = f"A password has at most {LONGEST_BYTES:,} bytes."
        raise PasswordTooLong(detail, faults=[Fault("password-too-long", detail, pointer)])
    return normal
