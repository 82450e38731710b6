"""The only fields that schemas are made of: strict in, exact out.

marshmallow's own fields are lenient (`1.9` passes for an integer, `yes` for a boolean, NUL for text), and what they let
through becomes a fault of the database. Each field here says by itself what it accepts, to the client in its refusal
and in the OpenAPI document through `metadata`.
"""

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import marshmallow as ma
from email_validator import EmailNotValidError, validate_email
from marshmallow import fields

from billing_api.domain.texts import CONTROLS, LINE_ENDS, is_one_line
from billing_api.web.dumping import DirectSchema
from billing_api.web.json import Number


class Flaw(str):
    """A message that knows its kebab-case code; marshmallow carries it like any text."""

    code: str
    below: str

    def __new__(cls, code: str, text: str, below: str = "") -> "Flaw":
        flaw = super().__new__(cls, text)
        flaw.code, flaw.below = code, below
        return flaw

    def __deepcopy__(self, memo: object) -> "Flaw":
        return self

    def format(self, *args: object, **kwargs: object) -> "Flaw":
        # marshmallow formats each message; plain formatting would lose the code.
        return self


_COMMON = {
    "required": Flaw("required", "This member is required."),
    "null": Flaw("not-null", "This member may not be null."),
}


def refuse(code: str, text: str, below: str = "") -> ma.ValidationError:
    """A refusal of one value, to be raised inside a field or schema."""
    return ma.ValidationError([Flaw(code, text, below)])


class Schema(DirectSchema):
    """The root of all schemas: unknown members are refused, members stand in the order written."""

    error_messages = {
        "unknown": Flaw("unknown-member", "There is no such member here."),
        "type": Flaw("not-an-object", "An object belongs here."),
    }

    rows: ClassVar[tuple[str, ...]] = ()
    """The list whose items are rows where it is asked for as CSV; after it, lists within those that are rows too."""

    moves: ClassVar[bool] = False
    """Whether it shows what changes without a new version, by the clock or by being used: its ETag is then for If-Match
    alone, and nobody is told that what they hold still stands."""

    class Meta:
        unknown = ma.RAISE


class StrictField(fields.Field[Any]):
    """A field whose refusals carry codes."""

    default_error_messages = _COMMON  # type: ignore[assignment]  # a Flaw is a str; dict is invariant
    openapi: Mapping[str, Any] = {}
    """What the field is in the OpenAPI document; `shape` is what one field adds, `metadata` what one place adds."""

    def __init__(
        self, *, shape: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(metadata={**self.openapi, **(shape or {}), **(metadata or {})}, **kwargs)


LINKS = {
    "type": "object",
    "description": "Paths, beginning with the object's own as `self`.",
    "additionalProperties": {"type": "string", "format": "uri-reference"},
    "example": {"self": "/v1/..."},
}
"""What the links of an object are in the OpenAPI document."""


class Kept(str):
    """A text that stands in what is patched, from a time at which more was let in: it is not judged by that again."""


class Text(StrictField):
    """Text as it stands, `minimum` to `maximum` characters; no NUL and no lone surrogates, which no column can hold.
    Where it has a `pattern`, the `hint` says in words what belongs there."""

    refused = r"\u0000"
    """The characters that cannot stand in it, as a class of regular expressions has them."""
    allowed = "Text"

    def __init__(
        self,
        maximum: int = 255,
        minimum: int = 1,
        pattern: str | None = None,
        hint: str = "",
        *,
        shape: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.minimum, self.maximum, self.hint = minimum, maximum, hint
        self.pattern = re.compile(pattern) if pattern else None
        limits: dict[str, Any] = {"type": "string", "maxLength": maximum}
        if minimum:
            limits["minLength"] = minimum
        if pattern or "format" not in (shape or {}):
            some = f"[^{self.refused}]*"
            spoken = rf"^{some}[^\s{self.refused}]{some}$"
            limits["pattern"] = f"^({pattern})$" if pattern else spoken if minimum else f"^{some}$"
        super().__init__(shape={**limits, **(shape or {})}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise refuse("not-a-string", "Text in quotes belongs here.")
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise refuse("not-storable", "NUL characters and lone surrogates are not text.")
        if not self.minimum <= len(value) <= self.maximum:
            raise refuse("wrong-length", f"Between {self.minimum} and {self.maximum} characters belong here.")
        if self.minimum and not value.strip():
            raise refuse("blank", "More than spaces belongs here.")
        if self.pattern and not self.pattern.fullmatch(value):
            raise refuse("wrong-format", self.hint)
        if not isinstance(value, Kept) and re.search(f"[{self.refused}]", value):
            raise refuse("control-character", f"{self.allowed} without control characters belongs here.")
        return str(value)


class OneLine(Text):
    """A name, a number, a reference: what stands in one line wherever it is shown, without tabs and other controls."""

    refused = LINE_ENDS
    allowed = "One line"


class Prose(Text):
    """A text for people, of as many lines as it needs: with line breaks and tabs, and without other controls."""

    refused = CONTROLS
    allowed = "Text"


class Key(OneLine):
    """A text by which another system knows something: blanks at its edges are no part of it, and are not kept."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        # Before its length is judged; nothing but blanks stays, to be refused. Afterwards, for what is `Kept`.
        cut = value.strip() if isinstance(value, str) and is_one_line(value) else ""
        return super()._deserialize(cut or value, attr, data, **kwargs).strip()


class Choice(StrictField):
    """One of a few words; of many, the `hint` says which list they are taken from."""

    def __init__(
        self, *choices: str, hint: str = "", show: bool = True, shape: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        self.choices = frozenset(choices)
        self.hint = hint or f"One of these words belongs here: {', '.join(choices)}."
        words = {"enum": list(choices)} if show else {}
        super().__init__(shape={"type": "string", **words, **(shape or {})}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise refuse("not-a-choice", self.hint)
        return value


class Email(Text):
    """An address that could receive mail, by its form; kept as it was written."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(254, 3, shape={"format": "email", "example": "ada@example.com"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            validate_email(text, check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            raise refuse("not-an-email", "An e-mail address belongs here.") from None
        return text


class Flag(StrictField):
    """true or false, and nothing that resembles them; the words themselves in a query."""

    openapi = {"type": "boolean"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise refuse("not-a-boolean", "true or false belongs here.")


class FlagText(Flag):
    """A flag in a query, where all is text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        return super()._deserialize({"true": True, "false": False}.get(value, value), attr, data, **kwargs)


class Integer(StrictField):
    """A whole number between `minimum` and `maximum`."""

    def __init__(self, minimum: int, maximum: int, **kwargs: Any) -> None:
        self.minimum, self.maximum = minimum, maximum
        super().__init__(shape={"type": "integer", "minimum": minimum, "maximum": maximum}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, Number) and value == int(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise refuse("not-an-integer", "A whole number belongs here.")
        if not self.minimum <= value <= self.maximum:
            raise refuse("out-of-range", f"Between {self.minimum} and {self.maximum}.")
        return value


class IntegerText(Integer):
    """A whole number in a query."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,19}", value):
            raise refuse("not-an-integer", "A whole number belongs here.")
        return super()._deserialize(int(value), attr, data, **kwargs)


class Id(StrictField):
    """A UUID in its canonical form."""

    openapi = {"type": "string", "format": "uuid"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> uuid.UUID:
        if not isinstance(value, str) or not re.fullmatch(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
            raise refuse("not-an-id", "A UUID belongs here.")
        return uuid.UUID(value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


class Date(StrictField):
    """A calendar date, `YYYY-MM-DD`, in the years 1900 to 2999, so that terms can be added to it."""

    openapi = {
        "type": "string",
        "format": "date",
        "pattern": "^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}$",
        "example": "2026-11-21",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dt.date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise refuse("not-a-date", "A date of the form YYYY-MM-DD belongs here.")
        try:
            date = dt.date.fromisoformat(value)
        except ValueError:
            raise refuse("not-a-date", "There is no such day.") from None
        if not 1900 <= date.year <= 2999:
            raise refuse("out-of-range", "The year lies outside 1900 to 2999.")
        return date

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        # A JSON column gives a date back as the text that it is there.
        return value.isoformat() if isinstance(value, dt.date) else value


class Instant(StrictField):
    """An instant of RFC 3339 with its offset; leaves in UTC with Z."""

    openapi = {"type": "string", "format": "date-time", "example": "2026-11-21T09:30:00Z"}
    _form = re.compile(r"[\d-]{10}[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dt.datetime:
        if not isinstance(value, str) or not self._form.fullmatch(value):
            raise refuse("not-an-instant", "An instant such as 2026-11-21T09:30:00Z belongs here.")
        try:
            instant = dt.datetime.fromisoformat(value.upper())
        except ValueError:
            raise refuse("not-an-instant", "There is no such instant.") from None
        if not 1900 <= instant.year <= 2999:
            raise refuse("out-of-range", "The year lies outside 1900 to 2999.")
        return instant.astimezone(dt.UTC)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
