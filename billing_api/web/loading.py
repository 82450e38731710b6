"""How what comes in is loaded: each schema in one function that is written for it, as long as all is plainly right.

marshmallow prepares for the faults of every value that it asks a field for, and a body of a thousand lines has thirty
thousand. What the fields and hooks of a schema would do with a faultless object, one after the other, stands here in
one text, which is compiled when something is first loaded. It knows no fault: at the first one, whatever it is, all of
it is dropped, and marshmallow loads the body from the beginning and says what is wrong.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import marshmallow as ma
from marshmallow import fields
from marshmallow.decorators import POST_LOAD, PRE_LOAD, VALIDATES, VALIDATES_SCHEMA

Take = Callable[[Any], Any]
"""Makes of a value that is plainly right what its field would make of it, and `missing` of any other, which the field
itself has to judge then."""
Takers = Mapping[Any, Callable[[Any], Take | None]]
"""By the `_deserialize` of a kind of field: what makes the `Take` of such a field, if it has one. A kind that has its
values otherwise than the one that it is derived from has another `_deserialize`, and is not taken for it."""

_LOAD = """
def load(data):
    original = data
{before}
    if type(data) is not dict or not known.issuperset(data):
        raise fault("")
    loaded = {{}}
{members}
{after}
    return loaded
"""
_MEMBER = """
    if {key!r} in data:
        value = {taken}
        if value is missing:
            value = judge_{number}(data[{key!r}], {key!r}, data)
        if value is not missing:
            loaded[{place!r}] = value
    else:
        {absent}
"""
_USUAL = f"many=False, partial=None, unknown={ma.RAISE!r}"
_EMPTY: Mapping[Any, str] = {list: "[]", dict: "{}"}


class DirectLoading(ma.Schema):
    """A schema that loads a faultless object at once, and leaves any other, and any unusual wish, to marshmallow."""

    takers: ClassVar[Takers] = {}
    """Which fields take what is plainly right at once."""

    def _init_fields(self) -> None:
        # Also called for a copy that takes less, whose fields are others.
        super()._init_fields()
        self._at_once: Take | None = None

    def load(self, data: Any, *, many: bool | None = None, partial: Any = None, unknown: Any = None) -> Any:
        if not many and partial is None and unknown in {None, ma.RAISE} and _is_usual(self):
            try:
                loaded = self.take(data)
            except ma.ValidationError:
                loaded = ma.missing
            if loaded is not ma.missing:
                return loaded
        return super().load(data, many=many, partial=partial, unknown=unknown)

    def take(self, data: Any) -> Any:
        """What marshmallow would load of one object; `missing` where only marshmallow can tell.

        Raises:
            ValidationError: something is wrong with it; what it says is not what marshmallow says.
        """
        if self._at_once is None:
            self._at_once = self._loader() if _is_known(self) else lambda _: ma.missing
        return self._at_once(data)

    def _loader(self) -> Take:
        """The function that loads one object."""
        known = frozenset(key_of(name, field) for name, field in self.load_fields.items())
        names: dict[str, Any] = {"missing": ma.missing, "known": known, "fault": ma.ValidationError}
        before, members = "".join(_calls(self, PRE_LOAD, names)), "".join(_members(self, names))
        after = "".join([*_calls(self, VALIDATES_SCHEMA, names), *_calls(self, POST_LOAD, names)])
        text = _LOAD.format(before=before, members=members, after=after)
        # Nothing that anybody sends stands in it, but the names that a schema gives to its members and hooks.
        exec(compile(text, f"<{type(self).__name__}>", "exec"), names)  # noqa: S102
        load: Take = names["load"]
        return load


def key_of(name: str, field: fields.Field[Any]) -> str:
    """The name under which a body has the value of a field."""
    return name if field.data_key is None else field.data_key


def _is_usual(schema: ma.Schema) -> bool:
    """Whether it takes one whole object and nothing else."""
    return not schema.many and schema.partial is None and schema.unknown == ma.RAISE


def taker_of(field: fields.Field[Any], takers: Takers) -> Take | None:
    """What takes at once the values of a field that are plainly right, if anything does."""
    # A list says its length in a validator, and judges it by itself.
    others = [one for one in field.validators if one is not getattr(field, "length", None)]
    if others or field.pre_load or field.post_load:
        return None
    if type(field)._deserialize is fields.Nested._deserialize:
        return _taker_of_object(field)
    make = takers.get(type(field)._deserialize)
    return make(field) if make else None


def _taker_of_object(field: Any) -> Take | None:
    schema = field.schema
    is_direct = isinstance(schema, DirectLoading) and type(schema).load is DirectLoading.load
    if not is_direct or field.many or field.unknown not in {None, ma.RAISE} or not _is_usual(schema):
        return None
    return lambda value: schema.take(value) if type(value) is dict else ma.missing


def _is_known(schema: ma.Schema) -> bool:
    """Whether a schema is made of nothing but what stands in the text: of plain objects, whose members marshmallow asks
    for in its own way, and of hooks for one of them."""
    hooks = [hook for tag in (PRE_LOAD, VALIDATES_SCHEMA, POST_LOAD) for hook in schema._hooks[tag]]
    if schema.dict_class is not dict or schema._hooks[VALIDATES] or any(many for _, many, _ in hooks):
        return False
    is_asked = all(getattr(type(schema), way) is getattr(ma.Schema, way) for way in ("_do_load", "_deserialize"))
    return is_asked and all(map(_is_asked, schema.load_fields.values()))


def _is_asked(field: fields.Field[Any]) -> bool:
    ways = all(getattr(type(field), way) is getattr(fields.Field, way) for way in ("deserialize", "_validate_missing"))
    return ways and "." not in (field.attribute or "")


def _calls(schema: ma.Schema, tag: str, names: dict[str, Any]) -> Iterator[str]:
    """The calls of the hooks of a kind; they are put under the `names` that they are called by."""
    of = "data" if tag == PRE_LOAD else "loaded"
    result = "" if tag == VALIDATES_SCHEMA else f"{of} = "
    for name, _, wishes in schema._hooks[tag]:
        names[f"hook_{name}"] = getattr(schema, name)
        given = f"{of}, original" if wishes.get("pass_original") else of
        yield f"    {result}hook_{name}({given}, {_USUAL})\n"


def _members(schema: DirectLoading, names: dict[str, Any]) -> Iterator[str]:
    """What loads each member; the functions that it calls are put under the `names` that it calls them by."""
    for number, (name, field) in enumerate(schema.load_fields.items()):
        take, key, place = taker_of(field, schema.takers), key_of(name, field), field.attribute or name
        names |= {f"take_{number}": take, f"judge_{number}": field.deserialize, f"default_{number}": field.load_default}
        taken = f"take_{number}(data[{key!r}])" if take else "missing"
        yield _MEMBER.format(key=key, place=place, number=number, taken=taken, absent=_absent(field, place, number))


def _absent(field: fields.Field[Any], place: str, number: int) -> str:
    """What is done where a member is not there."""
    default = field.load_default
    if field.required:
        return 'raise fault("")'
    if default is ma.missing:
        return "pass"
    made = _EMPTY.get(default) if callable(default) else f"default_{number}"
    return f"loaded[{place!r}] = {made or f'default_{number}()'}"
