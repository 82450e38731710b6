"""What clients write: the root of the schemas of request bodies, and members under names of their own."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.web.fields import Flaw, Id, OneLine, Schema, StrictField, Text, refuse
from billing_api.web.loading import DirectLoading, Take, key_of, taker_of
from billing_api.web.taking import TAKERS


class Several(fields.List[Any]):
    """A list of `minimum` to `maximum` items."""

    def __init__(self, item: Any, maximum: int, minimum: int = 0, **kwargs: Any) -> None:
        bounds = Flaw("wrong-number-of-items", f"Between {minimum} and {maximum} items belong here.")
        self.maximum = maximum
        self.length = ma.validate.Length(minimum or None, maximum, error=bounds)
        common = StrictField.default_error_messages
        messages: dict[str, Any] = {**common, "invalid": Flaw("not-a-list", "A list belongs here.")}
        super().__init__(item, validate=self.length, error_messages=messages, **kwargs)
        # A nested schema is marshmallow's own field, whose refusal of null has no code.
        self.inner.error_messages.update(common)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        # marshmallow counts at the end: a mebibyte of brackets would be judged item by item, for a minute.
        if isinstance(value, list):
            self.length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Reference(Id):
    """The id of an object of this kind, such as `tax rate`, that has to be there. Whether it is, the service sees; of a
    body that is refused before it is asked, `web.references` does."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(**kwargs)


_NAME = OneLine(40)
_VALUE = Text(500, 0)


class Metadata(StrictField):
    """Up to 50 texts under names of the client's own; lists find by them, and nothing else looks into them."""

    openapi = {
        "type": "object",
        "maxProperties": 50,
        "propertyNames": {name: _NAME.metadata[name] for name in ("minLength", "maxLength", "pattern")},
        "additionalProperties": _VALUE.metadata,
        "example": {"order": "A-1001"},
    }
    text = _VALUE.metadata
    """What one of the texts is in the OpenAPI document."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise refuse("not-an-object", "An object of texts belongs here.")
        if len(value) > 50:
            raise refuse("too-many-members", "At most 50 members.")
        errors: dict[str, Any] = {}
        for name, text in value.items():
            try:
                _NAME.deserialize(name)
                _VALUE.deserialize(text)
            except ma.ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ma.ValidationError(errors)
        return dict(value)


def _take_list(field: Several) -> Take | None:
    take, judge = taker_of(field.inner, Body.takers), field.inner.deserialize
    shortest, longest = field.length.min or 0, field.maximum
    if take is None:
        return None

    def take_each(value: Any) -> Any:
        if type(value) is not list or not shortest <= len(value) <= longest:
            return ma.missing
        return [judge(one) if (taken := take(one)) is ma.missing else taken for one in value]

    return take_each


def _take_metadata(field: Metadata) -> Take:
    take_name: Any = taker_of(_NAME, TAKERS)
    take_text: Any = taker_of(_VALUE, TAKERS)

    def take(value: Any) -> Any:
        if type(value) is not dict or len(value) > 50:
            return ma.missing
        is_plain = all(take_name(name) is name and take_text(text) is text for name, text in value.items())
        return dict(value) if is_plain else ma.missing

    return take


class Body(DirectLoading, Schema):
    """A body, or an object in one. A member that need not be there may be null, which means that it is not there: the
    same as in a merge patch, so that POST, PUT and PATCH understand null alike."""

    takers = {**TAKERS, Several._deserialize: _take_list, Metadata._deserialize: _take_metadata}

    def on_bind_field(self, field_name: str, field_obj: Any) -> None:
        # What an answer computes beside the members of a body is always there.
        if not field_obj.required and not field_obj.dump_only:
            field_obj.allow_none = True

    @ma.pre_load
    def forget_null(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        optional = {key_of(name, field) for name, field in self.fields.items() if not field.required}
        return {name: value for name, value in data.items() if value is not None or name not in optional}
