# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Names of message types to rclpy's classes."""

from __future__ import annotations

import importlib
import re

SAME_FIELDS = {"event_array_msgs/msg/EventArray": "event_camera_msgs/msg/EventPacket"}
"""Types that became another one under a new name: the same fields in the same order, so the same bytes."""


def message_class(type_name: str) -> type | None:
    """The rclpy class of a type like sensor_msgs/msg/Image; None if its package is not installed."""
    package, _, name = type_name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError, ValueError):
        return None


_BASIC = {"boolean": "bool", "float": "float32", "double": "float64", "octet": "byte"}
"""Names of IDL that rclpy has for those of message files."""


def message_definition(kind: type) -> str:
    """The text of a message's definition, with those of its parts behind it, as bags hold it.

    Args:
        kind: rclpy's class.
    """
    texts, left, told = [], [kind], set()
    while left:
        one = left.pop(0)
        package = one.__module__.split(".")[0]
        fields = one.get_fields_and_field_types()
        texts.append("".join(f"{_field_type(text)} {name}\n" for name, text in fields.items()))
        if told:
            texts[-1] = f"MSG: {package}/{one.__name__}\n{texts[-1]}"
        told.add(one)
        for owner, name in re.findall(r"(\w+)/(\w+)", " ".join(fields.values())):
            part = message_class(f"{owner}/msg/{name}")
            if part is not None and part not in told and part not in left:
                left.append(part)
    return f"{'=' * 80}\n".join(texts)


def _field_type(text: str) -> str:
    """sequence<uint8> and sequence<uint8, 3> to uint8[] and uint8[<=3]."""
    inner, _, bound = text.removeprefix("sequence<").removesuffix(">").partition(", ")
    base, bracket, size = inner.partition("[")
    array = f"[{f'<={bound}' if bound else ''}]" if text.startswith("sequence<") else bracket + size
    return _BASIC.get(base, base) + array
