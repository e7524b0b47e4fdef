"""Dataclasses from the plain data of a YAML file, checked field by field."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

ConfigT = TypeVar("ConfigT")


def from_plain(cls: type[ConfigT], data: Any, where: str = "") -> ConfigT:
    """Build a dataclass, and the dataclasses in its fields, from mappings, lists and scalars.

    Args:
        cls: the dataclass.
        data: a mapping of its field names; what is left out keeps its default.
        where: dotted name of the place, for messages.

    Raises:
        ValueError: an unknown or missing field, a value of another type, or one that the dataclass refuses; the
            message names the field.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where or 'the file'} has to be a mapping of names to values, not {data!r}")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    if unknown := [str(name) for name in data if name not in fields]:
        raise ValueError(f"unknown setting '{prefix}{unknown[0]}': use {', '.join(fields)}")
    needed = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing := [name for name in needed if name not in data]:
        raise ValueError(f"setting '{prefix}{missing[0]}' is missing")
    kinds = typing.get_type_hints(cls)
    values = {name: _value(kinds[name], value, f"{prefix}{name}") for name, value in data.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from None


def _value(kind: Any, value: Any, where: str) -> Any:
    arguments = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):  # only `X | None` occurs
        if value is None:
            return None
        (part,) = (argument for argument in arguments if argument is not type(None))
        return _value(part, value, where)
    if dataclasses.is_dataclass(kind):
        return from_plain(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where} is {value!r}: it has to be a list such as [1, 2]")
        if arguments[-1] is not ... and len(value) != len(arguments):
            raise ValueError(f"{where} has {len(value)} values: it needs {len(arguments)}")
        return tuple(_value(arguments[0], item, where) for item in value)
    if origin is typing.Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
        choices = arguments or tuple(member.value for member in kind)
        if value not in choices:
            raise ValueError(f"{where} is {value!r}: use one of {', '.join(map(str, choices))}")
        return value if arguments else kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"{where} is {value!r}: it has to be a {kind.__name__}")
    return value
