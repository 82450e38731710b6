"""How what leaves is dumped: by the fields of marshmallow, but with a shorter way to their values.

marshmallow asks for each value through six functions, since what is dumped may be of any kind. A page of fifty invoices
has seven thousand values, and half of its dump was spent on asking.
"""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma


class DirectSchema(ma.Schema):
    """A schema that takes its values out of a mapping, or the attributes of an object, at once; what stands in neither,
    because it is computed, or missing, is left to marshmallow. None stays None: no field is asked what it makes of it.
    """

    def _init_fields(self) -> None:
        # Also called for a copy that shows less, whose fields are others.
        super()._init_fields()
        self._members = [
            (
                name,
                name if field.data_key is None else field.data_key,
                # A value that is computed, or stands in an object within, has no place in the object itself.
                place if field._CHECK_ATTRIBUTE and "." not in place else None,
                field,
            )
            for name, field in self.dump_fields.items()
            for place in [field.attribute or name]
        ]

    def _serialize(self, obj: Any, *, many: bool = False) -> Any:
        if many and obj is not None:
            return [self._serialize(one) for one in obj]
        is_mapping = isinstance(obj, Mapping)
        # What a row of the session has, its class would hand out by a function for each.
        values = obj if is_mapping else getattr(obj, "__dict__", {})
        dumped = self.dict_class()
        for name, key, place, field in self._members:
            value = values.get(place, ma.missing)
            if value is ma.missing and place and not is_mapping:
                value = getattr(obj, place, ma.missing)
            if value is ma.missing:
                value = field.serialize(name, obj, accessor=self.get_attribute)
            elif value is not None:
                value = field._serialize(value, name, obj)
            if value is not ma.missing:
                dumped[key] = value
        return dumped
