# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""At most so many frames a second."""

from __future__ import annotations

_EARLY = 0.25
"""Share of the period that a frame may come early: a camera's clock is not even."""


class RateLimit:
    """Chooses frames so that no more than a number a second go on; the others are to be left out.

    Over any stretch the limit holds but for one frame. A camera of 30 Hz with a limit of 15 gives every second frame,
    also where its frames come some milliseconds early or late.
    """

    def __init__(self) -> None:
        self._due = -float("inf")

    def admits(self, now: float, max_rate: float) -> bool:
        """Whether the frame that has come now goes on.

        Args:
            now: seconds on a clock that never goes back.
            max_rate: frames a second; 0: no limit.
        """
        if max_rate <= 0:
            return True
        period = 1 / max_rate
        self._due = min(self._due, now + period)  # a limit that was just raised counts at once
        if now < self._due - _EARLY * period:
            return False
        # The frame after is due one period after this one was, not after it came: what comes late makes none later.
        self._due = max(self._due, now - _EARLY * period) + period
        return True
