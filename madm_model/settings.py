# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Settings as data: dataclasses that say once what each value means and may be, and one reader of plain values.

A class under `@settings` is a frozen dataclass that pydantic checks whenever it is made. The sentence under a field is
its description, its annotation has the range; from these come ROS descriptors, options and messages.
"""

from __future__ import annotations

import functools
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic.fields import FieldInfo
from typing_extensions import dataclass_transform

T = TypeVar("T")

_CONFIG = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


@dataclass_transform(frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass whose values are checked; wrong ones are a ValueError of one line."""
    made = checked_dataclass(frozen=True, config=_CONFIG)(cls)
    check = made.__init__

    @functools.wraps(check)
    def init(self: Any, *args: Any, **values: Any) -> None:
        try:
            check(self, *args, **values)
        except ValidationError as error:
            raise ValueError(_in_one_line(made, error)) from None

    made.__init__ = init  # type: ignore[method-assign]
    return made


@dataclass(frozen=True)
class SettingInfo:
    """What a field of a `@settings` class says about itself."""

    name: str
    """As in the class."""
    text: str
    """What it means: the sentence under the field, on one line."""
    default: Any
    """Its value where none is given."""
    low: float | None
    """Smallest value, allowed or not; None for no bound."""
    high: float | None
    """Largest value, likewise."""
    choices: tuple[str, ...]
    """The words allowed; empty for other types."""


def describe(cls: type) -> list[SettingInfo]:
    """The fields of a `@settings` class, in their order."""
    return [_info(name, field) for name, field in _fields(cls).items()]


def read_settings(cls: type[T], values: Any) -> T:
    """Build a `@settings` class, and those in its fields, from the mappings, lists and scalars of a YAML file.

    Args:
        cls: the class.
        values: a mapping of its field names; what is left out keeps its default.

    Raises:
        ValueError: an unknown or missing field, a value of another type or out of its range; the message names it.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"these settings have to be a mapping of names to values, not {values!r}")
    try:
        # As JSON: in there a list may be a tuple and a text an Enum, while a text is no number.
        return TypeAdapter(cls).validate_json(json.dumps(_with_text_keys(values), default=str))
    except ValidationError as error:
        raise ValueError(_in_one_line(cls, error)) from None


def read_settings_file(cls: type[T], path: Path) -> T:
    """Read a `@settings` class from a YAML file.

    Raises:
        ValueError: the file is no YAML, or a setting in it is unknown or wrong; the message names the file.
        OSError: the file cannot be read.
    """
    import yaml  # what has no such file starts without it

    try:
        return read_settings(cls, yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def plain(value: Any) -> dict[str, Any]:
    """The values of a `@settings` object as `read_settings` takes them."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def parse_text(kind: Any, text: str) -> Any:
    """A plain value for a field of that type, from text as on a command line; a tuple is a JSON list.

    Raises:
        ValueError: the text is no such value.
    """
    bare = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    is_list = typing.get_origin(bare) is tuple
    adapter = TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False))
    try:
        value = adapter.validate_json(text, strict=True) if is_list else adapter.validate_strings(text)
    except ValidationError as error:
        raise ValueError(f"'{text[:100]}' does not fit: {_reason(error.errors()[0])}") from None
    return list(value) if is_list else value


def _fields(cls: Any) -> dict[str, FieldInfo]:
    return cls.__pydantic_fields__


def _info(name: str, field: FieldInfo) -> SettingInfo:
    def bound(*kinds: str) -> float | None:
        return next((getattr(item, kind) for item in field.metadata for kind in kinds if hasattr(item, kind)), None)

    is_choice = typing.get_origin(field.annotation) is typing.Literal
    return SettingInfo(
        name,
        " ".join((field.description or "").split()),
        field.get_default(call_default_factory=True),
        bound("ge", "gt"),
        bound("le", "lt"),
        typing.get_args(field.annotation) if is_choice else (),
    )


def _with_text_keys(values: Any) -> Any:
    """The same with names as text: YAML takes `1:` for a number."""
    if isinstance(values, Mapping):
        return {str(name): _with_text_keys(value) for name, value in values.items()}
    return [_with_text_keys(value) for value in values] if isinstance(values, (list, tuple)) else values


def _in_one_line(cls: type, error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    first = error.errors()[0]
    *parents, name = first["loc"] or ("",)
    where = ".".join(map(str, (*parents, name)))
    if first["type"] == "unexpected_keyword_argument":
        return f"unknown setting '{where}': use {', '.join(_names_at(cls, parents))}"
    if first["type"] == "missing":
        return f"setting '{where}' is missing"
    if first["type"] == "value_error":  # of a class's own check, which names its fields
        return ": ".join(filter(None, (where, _reason(first))))
    return f"{where} is {first['input']!r}: {_reason(first)}"


def _reason(first: Any) -> str:
    if first["type"] in ("tuple_type", "json_invalid"):
        return "it has to be a list such as [1, 2]"
    if first["type"] == "too_short":
        return f"it needs at least {first['ctx']['min_length']} of them"
    return first["msg"].removeprefix("Value error, ").replace("Input should be", "it has to be")


def _names_at(cls: Any, parents: list[Any]) -> list[str]:
    """The field names of the class that is found when one follows the fields of these names."""
    for name in parents:
        if isinstance(name, int):  # of a list, whose elements the field before told
            continue
        kind = _fields(cls)[name].annotation
        cls = next((part for part in (kind, *typing.get_args(kind)) if hasattr(part, "__pydantic_fields__")), cls)
    return list(_fields(cls))
