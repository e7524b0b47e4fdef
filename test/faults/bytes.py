# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Damage to a file's bytes, as disks, cables and interrupted copies make it."""

from __future__ import annotations

import random


def damage(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Damage bytes in one way out of six.

    Returns:
        what was done, and the damaged bytes.
    """
    data, size = bytearray(content), len(content)
    at = chance.randrange(size) if size else 0
    length = min(chance.choice([1, 4, 64, 4096]), size - at)
    kind = chance.choice(["flip", "cut", "zeros", "noise", "insert", "remove"])
    if kind == "flip" and size:
        bit = chance.randrange(8)
        data[at] ^= 1 << bit
        return f"bit {bit} of byte {at} flipped", bytes(data)
    if kind == "cut":
        return f"cut to {at} bytes", bytes(data[:at])
    if kind == "remove":
        return f"{length} bytes at {at} removed", bytes(data[:at] + data[at + length :])
    filling = bytes(length) if kind == "zeros" else chance.randbytes(length)
    end = at if kind == "insert" else at + length
    return f"{kind} of {length} bytes at {at}", bytes(data[:at] + filling + data[end:])


def damage_places(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Damage bytes in a few places, at times close to the head, where lengths and sizes are.

    Returns:
        what was done, and the damaged bytes.
    """
    told = []
    for _ in range(chance.choice([1, 1, 3, 30])):
        head = chance.choice([200, 4000, len(content)])
        what, damaged = damage(content[:head], chance)
        content = damaged + (b"" if what.startswith("cut") else content[head:])
        told.append(what)
    return "; ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else ""), content
