# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a loop of faults found out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar


@dataclass
class Tally:
    """Counts the faults of one loop."""

    name: str
    """Name of the loop."""
    tried: int = 0
    """Faults that were made."""
    lost: list[str] = field(default_factory=list)
    """What each fault was that was not survived, and what it did."""

    on_fault: ClassVar[Callable[[Tally], object]] = lambda tally: None
    """Called after every fault, of every loop."""

    @property
    def survived(self) -> int:
        """Faults that did what they may: nothing, or one clear error."""
        return self.tried - len(self.lost)

    @contextmanager
    def fault(self, what: str) -> Iterator[None]:
        """Count a fault; whatever the block raises is a loss.

        Args:
            what: the fault in words that let it be made again, such as "seed 7: byte 1204 of index.json flipped".
        """
        self.tried += 1
        try:
            yield
        except Exception as error:
            self.lost.append(f"{what}: {describe(error)}")
        Tally.on_fault(self)


def describe(error: BaseException) -> str:
    """An error with the place where it was raised, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}{place}"
