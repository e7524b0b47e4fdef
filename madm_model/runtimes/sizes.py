# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is made for one input shape at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")

KEPT_SIZES = 8
"""Of cameras that share a network, and of recordings of several."""


class PerSize(Generic[Made]):
    """Makes something for each input shape when it is first asked for, and keeps the last `KEPT_SIZES`.

    Args:
        make: gets the shape (B, 3, h, w).
    """

    def __init__(self, make: Callable[[tuple[int, ...]], Made]) -> None:
        self._make = make
        self._made: dict[tuple[int, ...], Made] = {}

    def __getitem__(self, shape: tuple[int, ...]) -> Made:
        made = self._made.pop(shape) if shape in self._made else self._make(shape)
        self._made[shape] = made  # the last used is the last
        if len(self._made) > KEPT_SIZES:
            del self._made[next(iter(self._made))]
        return made

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()
