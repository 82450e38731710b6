"""How what leaves is dumped: by the fields of marshmallow, but each schema in one function that is written for it.

marshmallow asks for each value through six functions, since what is dumped may be of any kind, and of a page of fifty
invoices, which has seven thousand values, most of the time went into asking. What the fields of a schema would do, one
after the other, stands here in one text, which is compiled when something is first dumped: once for mappings, and once
for objects.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
import orjson
from marshmallow import fields
from marshmallow.decorators import POST_DUMP, PRE_DUMP

_MEMBER = """
    value = {taken}
    if value is missing:
        value = serialize_{number}({name!r}, one, get_attribute)
    elif value is not None:
        value = {converted}
    if value is not missing:
        dumped[{key!r}] = value
"""
_AS_THEY_ARE = {fields.String: str, fields.Integer: int, fields.Boolean: bool}
"""Of these fields what is of the type already leaves unchanged."""


_EACH = "[None if each is None else fragment(each.text) if type(each) is written else {}(each) for each in value]"
_LIST = f"fragment(value.text) if type(value) is written_list else {_EACH}"


@dataclass(frozen=True, slots=True)
class Written:
    """An object that was dumped before, at one of its versions, as JSON."""

    version: int
    text: bytes


@dataclass(frozen=True, slots=True)
class WrittenList:
    """A list of objects that were dumped before, as JSON."""

    text: bytes


class DirectSchema(ma.Schema):
    """A schema that takes its values out of a mapping, or the attributes of an object, at once; what stands in neither,
    because it is computed, or missing, is left to marshmallow. None stays None: no field is asked what it makes of it.
    """

    def _init_fields(self) -> None:
        # Also called for a copy that shows less, whose fields are others.
        super()._init_fields()
        self._written: dict[bool, Callable[[Any], dict[str, Any]]] = {}

    def _serialize(self, obj: Any, *, many: bool = False) -> Any:
        if many and obj is not None:
            return [self._serialize(one) for one in obj]
        if type(obj) is Written:
            return orjson.Fragment(obj.text)
        is_mapping = type(obj) is dict or isinstance(obj, Mapping)
        if is_mapping not in self._written:
            self._written[is_mapping] = self._compiled(is_mapping)
        return self._written[is_mapping](obj)

    def _compiled(self, is_mapping: bool) -> Callable[[Any], dict[str, Any]]:
        """The function that dumps one mapping, or one object."""
        names: dict[str, Any] = {"missing": ma.missing, "get_attribute": self.get_attribute}
        names |= {"written": Written, "written_list": WrittenList, "fragment": orjson.Fragment}
        members = "".join(self._members(is_mapping, names))
        text = f"def dump(one):\n    dumped = {{}}\n{members}\n    return dumped\n"
        # Nothing that anybody sends stands in it, but the names that a schema gives to its members.
        exec(compile(text, f"<{type(self).__name__}>", "exec"), names)  # noqa: S102
        dump: Callable[[Any], dict[str, Any]] = names["dump"]
        return dump

    def _members(self, is_mapping: bool, names: dict[str, Any]) -> Iterator[str]:
        """What dumps each member; the functions that it calls are put under the `names` that it calls them by."""
        for number, (name, field) in enumerate(self.dump_fields.items()):
            place = field.attribute or name
            taken = f"one.get({place!r}, missing)" if is_mapping else f"getattr(one, {place!r}, missing)"
            if not field._CHECK_ATTRIBUTE or "." in place:
                # Computed, or in an object within: it has no place in the object itself.
                taken = "missing"
            expression, convert = _conversion(field)
            names |= {f"serialize_{number}": field.serialize, f"convert_{number}": convert}
            converted = expression.format(f"convert_{number}", repr(name))
            key = name if field.data_key is None else field.data_key
            yield _MEMBER.format(taken=taken, number=number, name=name, converted=converted, key=key)


def _conversion(field: fields.Field[Any]) -> tuple[str, Any]:
    """The expression that makes of a `value` what leaves, and the function that it calls, if any."""
    way = type(field)._serialize
    if way is fields.Field._serialize:
        return "value", None
    if dump := _dump_of(field):
        return "{}(value)", dump
    if isinstance(field, fields.List) and way is fields.List._serialize and (dump := _dump_of(field.inner)):
        return _LIST, dump
    otherwise = "{}(value, {}, one)"
    kind = None if getattr(field, "as_string", False) else _AS_THEY_ARE.get(type(field))
    return f"value if type(value) is {kind.__name__} else {otherwise}" if kind else otherwise, field._serialize


def _dump_of(field: fields.Field[Any]) -> Callable[[Any], Any] | None:
    """What dumps the object that a field nests, if it nests one."""
    if type(field) is not fields.Nested or field.many or field.schema.many:
        return None
    schema = field.schema
    is_plain = type(schema).dump is ma.Schema.dump and not schema._hooks[PRE_DUMP] and not schema._hooks[POST_DUMP]
    return schema._serialize if is_plain else schema.dump
