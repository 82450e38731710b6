"""Filters that take words of a catalogue: one that does not exist would be found never, and nobody would be told."""

import re
from collections.abc import Mapping
from typing import Any

from billing_api.web.fields import Text, refuse

_WORD = "[a-z_.]{1,81}"
"""What can have been meant for a word, and is named where there is no such one."""


class Catalogued(Text):
    """Up to ten words of a catalogue such as `invoice.finalized`, with commas between; `noun` says what they are."""

    def __init__(self, catalogue: Mapping[str, str], noun: str, example: str) -> None:
        one = f"({'|'.join(map(re.escape, catalogue))})"
        super().__init__(
            820,
            pattern=rf"{_WORD}(,{_WORD}){{0,9}}",
            hint=f"Up to ten {noun}s such as {example} belong here, with commas and no spaces between them.",
            shape={"pattern": f"^({one}(,{one}){{0,9}})$"},
            metadata={"description": f"One {noun}, or up to ten with commas between.", "example": example},
        )
        self._catalogue, self._noun = catalogue, noun

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        for word in text.split(","):
            if word not in self._catalogue:
                raise refuse("wrong-format", f"There is no {self._noun} {word}, but {self._instead_of(word)}.")
        return text

    def _instead_of(self, word: str) -> str:
        """What there is instead of a word: all of the same object, or else the objects. All together would be read by
        nobody."""
        kind = word.partition(".")[0]
        own = [known for known in self._catalogue if known.partition(".")[0] == kind]
        return ", ".join(own) or "such of " + ", ".join(
            dict.fromkeys(known.partition(".")[0] for known in self._catalogue)
        )


def meanings(catalogue: Mapping[str, str]) -> str:
    """The words of a catalogue with their meanings, in one sentence."""
    return "; ".join(f"`{word}`: {meaning}" for word, meaning in catalogue.items())
