# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Errors of a running stream: each kind is said once in a while, not once a frame."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

REPEAT_AFTER_S = 5.0
"""The same error is logged again at most this often."""
_LONGEST, _MOST_KINDS = 500, 20
"""Characters of a text and kinds within `REPEAT_AFTER_S`: what a message says of itself must not fill the disk."""
_TOO_MANY = "errors of many kinds: further ones are counted, but not logged for a while"


class ErrorLog:
    """Throttles errors by kind and remembers the last one for diagnostics.

    Two texts that differ only in numbers (sizes, addresses) are the same kind; long ones are cut. May be used from
    several threads.

    Args:
        log: writes one line at error level.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, log: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._logged_at: dict[str, float] = {}
        self._last = ("", float("-inf"))
        self._count = 0

    @property
    def count(self) -> int:
        """Number of errors reported, the ones not logged included."""
        return self._count

    def report(self, text: str) -> None:
        """Count an error, and log it unless its kind was logged within the last `REPEAT_AFTER_S`."""
        now = self._clock()
        text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\u2026"
        kind = re.sub(r"[\d.]+", "#", text)
        with self._lock:
            self._count += 1
            self._last = (text, now)
            self._logged_at = {key: at for key, at in self._logged_at.items() if now - at < REPEAT_AFTER_S}
            if kind in self._logged_at:
                return
            if len(self._logged_at) >= _MOST_KINDS:
                if _TOO_MANY in self._logged_at:
                    return
                kind = text = _TOO_MANY
            self._logged_at[kind] = now
        self._log(text)

    def recent(self, within_s: float = REPEAT_AFTER_S) -> str:
        """The last error if it is at most this old, else an empty text."""
        text, at = self._last
        return text if self._clock() - at <= within_s else ""
