"""How what leaves is dumped: by the fields of marshmallow, but with a shorter way to their values.

marshmallow asks for each value through six functions, since what is dumped may be of any kind. A page of fifty invoices
has seven thousand values, and half of its dump was spent on asking.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import marshmallow as ma


class Dumped(ma.Schema):
    """A schema that takes its values out of a mapping, or the attributes of an object, at once; what stands in neither,
    because it is computed, or missing, is left to marshmallow. No field makes anything of None."""

    @cached_property
    def _members(self) -> list[tuple[str, str, str | None, Any]]:
        """Of each field that is dumped its name, its key in the answer, under which name its value stands, and itself.

        A value that is computed, or stands in an object within, has no such name.
        """
        return [
            (
                name,
                name if field.data_key is None else field.data_key,
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
        # What a row of the database has, its class would hand out by a function for each.
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
