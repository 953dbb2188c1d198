"""How a definition of one layer becomes that of another: by field name, with type conversions, defaults and rules.

Shared by decoding (superseded definition -> current object), encoding (current object -> the definition in force in an
old layer) and scripts/tl_update.py, which prints what no generic rule can do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tgserve import errors
from tgserve.tl import functions, layer_rules, legacy_types, types
from tgserve.tl.base import TLObject
from tgserve.tl.codec import TlError, no_value, vector_element
from tgserve.tl.definitions import Definition, camel, schema

_ZEROS: dict[str, Any] = {
    "int": 0,
    "long": 0,
    "double": 0.0,
    "string": "",
    "bytes": b"",
    "Bool": False,
    "int128": bytes(16),
    "int256": bytes(32),
}
_SAME = frozenset({("int", "long"), ("Vector<int>", "Vector<long>")})


@cache
def class_of(definition: Definition) -> type[TLObject]:
    """The generated class objects of this definition have: the current layer's, or that of a name long gone."""
    found: Any
    if definition.function:
        space, _, name = definition.name.rpartition(".")
        found = getattr(getattr(functions, space or "core", None), camel(name), None)
        found = found or getattr(functions.legacy, camel(definition.name), None)
    else:
        found = getattr(types, camel(definition.name), None)
        found = found or getattr(legacy_types, camel(definition.name), None)
    if found is None:
        raise LookupError(f"{definition.name}: no class; run scripts/tl_update.py")
    return found  # type: ignore[no-any-return]


@dataclass(slots=True)
class FieldMap:
    """From the fields of one definition to those of another. Names are Python attributes."""

    copied: list[tuple[str, str, Any]] = field(default_factory=list)
    """(name, source's name, value to take when the source is None)."""
    converted: list[tuple[str, str, Callable[[Any], Any], Any]] = field(default_factory=list)
    """(name, source's name, conversion, value to take when the source is None)."""
    fixed: list[tuple[str, Any]] = field(default_factory=list)
    """(name, value): fields the source has not; containers and objects are made anew by calling what is callable."""
    missing: list[str] = field(default_factory=list)
    """Required fields nobody can fill but a hand rule."""
    lost: list[str] = field(default_factory=list)
    """Fields of the source that have no place in the target."""


def _zero(type_: str, optional: bool) -> tuple[bool, Any]:
    """(there is a default, the default) of a field; a callable default is called at each use."""
    if type_ == "true":
        return True, False
    if optional:
        return True, None
    if type_ in _ZEROS:
        return True, _ZEROS[type_]
    if vector_element(type_) is not None:
        return True, list
    make = layer_rules.EMPTIES.get(type_)
    return make is not None, make


def _conversion(source: str, target: str) -> Callable[[Any], Any] | None:
    if source == target or (source, target) in _SAME:
        return _itself
    found = layer_rules.CONVERSIONS.get((source, target))
    if found is not None:
        return found
    one, other = vector_element(source), vector_element(target)
    if one is not None and other is not None:
        each = _conversion(one, other)
        if each is not None:
            return lambda values: [each(value) for value in values]
    return None


def _itself(value: Any) -> Any:
    return value


@cache
def field_map(source: Definition, target: Definition) -> FieldMap:
    """The generic mapping; hand rules come on top of it."""
    result = FieldMap()
    have = {p.name: p for p in source.fields}
    before, now = layer_rules.RENAMED.get(target.name, ("", ""))
    renamed = {before: now, now: before}
    for param in target.fields:
        defined, zero = _zero(param.type, param.flag is not None)
        given = have.pop(param.name, None) or have.pop(renamed.get(param.name, ""), None)
        convert = _conversion(given.type, param.type) if given is not None else None
        if convert is None:
            if given is not None:
                result.lost.append(param.attribute)
            if defined:
                result.fixed.append((param.attribute, zero))
            else:
                result.missing.append(param.attribute)
            continue
        if not defined and given is not None and given.flag is not None and given.type != "true":
            result.missing.append(param.attribute)
        if given is None or given.flag is None or given.type == "true" or not defined:
            zero = None  # the source always has a value
        if convert is _itself:
            result.copied.append((param.attribute, given.attribute if given else "", zero))
        else:
            result.converted.append((param.attribute, given.attribute if given else "", convert, zero))
    result.lost += [p.attribute for p in have.values()]
    return result


def _made(value: Any) -> Any:
    return value() if callable(value) else value


def _shared_bits(definition: Definition) -> list[tuple[list[str], list[str]]]:
    """(fields with a value, true-flags) of every flag bit that more than one field stands on."""
    bits: dict[tuple[str, int], tuple[list[str], list[str]]] = {}
    for param in definition.fields:
        if param.flag is not None:
            bits.setdefault(param.flag, ([], []))[param.type == "true"].append(param.attribute)
    return [(kept, true) for kept, true in bits.values() if kept and len(kept) + len(true) > 1]


def upgrader(source: Definition) -> Callable[[dict[str, Any]], TLObject]:
    """Makes the current object from the values of a superseded definition (dict by attribute)."""
    cls = class_of(source)
    plan = field_map(source, schema()[cls.ID])
    rule = layer_rules.UPGRADES.get(source.key)
    names = cls.__slots__
    required = {p.attribute for p in schema()[cls.ID].fields if p.flag is None}
    groups = _shared_bits(schema()[cls.ID])

    def upgrade(values: dict[str, Any]) -> TLObject:
        fields: dict[str, Any] = {name: _made(value) for name, value in plan.fixed}
        for name, given, zero in plan.copied:
            value = values[given]
            fields[name] = _made(zero) if value is None else value
        for name, given, convert, zero in plan.converted:
            value = values[given]
            fields[name] = _made(zero) if value is None else convert(value)
        if rule is not None:
            changed = rule(values)
            if isinstance(changed, TLObject):
                return changed
            fields.update(changed)
        for kept, true in groups:  # what shares a flag bit today may have had bits of its own, or not existed
            there = all(fields.get(name) is not None for name in kept)
            fields.update(dict.fromkeys(true, there))
            if not there:
                fields.update(dict.fromkeys(kept, None))
        made = object.__new__(cls)
        for name in names:
            if name not in fields or (fields[name] is None and name in required):
                raise TlError(errors.INPUT_CONSTRUCTOR_INVALID, f"{source.name} of an old layer: no {name}")
            setattr(made, name, fields[name])
        return made

    return upgrade


def downgrader(source: Definition, target: Definition) -> Callable[[Any], dict[str, Any] | TLObject]:
    """Works out the values (dict by TL name) of an old definition from a current object; or the object to send
    instead, when a rule says so."""
    plan = field_map(source, target)
    rule = layer_rules.DOWNGRADES.get(source.key)
    params = [(p.name, p.attribute) for p in target.fields]
    required = [p.attribute for p in target.fields if p.flag is None]

    def downgrade(o: Any) -> dict[str, Any] | TLObject:
        fields: dict[str, Any] = {name: _made(value) for name, value in plan.fixed}
        for name, given, zero in plan.copied:
            value = getattr(o, given)
            fields[name] = _made(zero) if value is None else value
        for name, given, convert, zero in plan.converted:
            value = getattr(o, given)
            fields[name] = _made(zero) if value is None else convert(value)
        if rule is not None:
            changed = rule(o)
            if isinstance(changed, TLObject):
                return changed
            fields.update(changed)
        for name in required:
            if fields.get(name) is None:  # the rule found nothing to say either
                no_value(f"{target.name} of an old layer: no {name}")
        return {name: fields[attribute] for name, attribute in params}

    return downgrade
