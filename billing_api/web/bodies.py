"""What clients write: the root of the schemas of request bodies."""

from typing import Any

import marshmallow as ma

from billing_api.web.fields import Schema


class Body(Schema):
    """A body, or an object in one. A member that need not be there may be null, which means that it is not there: the
    same as in a merge patch, so that POST, PUT and PATCH understand null alike."""

    def on_bind_field(self, field_name: str, field_obj: Any) -> None:
        if not field_obj.required:
            field_obj.allow_none = True

    @ma.pre_load
    def forget_null(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        optional = {field.data_key or name for name, field in self.fields.items() if not field.required}
        return {name: value for name, value in data.items() if value is not None or name not in optional}
