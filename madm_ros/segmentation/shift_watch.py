# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a camera's shift is measured against: the reference in the folder of the model that segments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from madm_model.shift.monitor import Shift, ShiftMonitor
from madm_model.shift.reference import ShiftReference


class ShiftWatch:
    """Keeps a monitor's reference that of the model in use, and publishes what the monitor says.

    Args:
        monitor: of the camera's frames.
        publish: gets the value, where there is one.
        log_warning: gets one line where a model's reference cannot be used.
    """

    def __init__(
        self, monitor: ShiftMonitor, publish: Callable[[float], object], log_warning: Callable[[str], object]
    ) -> None:
        self._monitor, self._publish, self._log_warning = monitor, publish, log_warning
        self._folder: Path | None = None

    def tell(self, folder: Path, num_classes: int) -> Shift | None:
        """How far the frames are from what a model knows; call about once a second.

        Args:
            folder: of the model that segments now.
            num_classes: of that model; a reference for another number is none.
        """
        if folder != self._folder:
            self._take_reference(folder, num_classes)
        shift = self._monitor.shift()
        if shift is not None:
            self._publish(shift.value)
        return shift

    def _take_reference(self, folder: Path, num_classes: int) -> None:
        self._folder = folder
        try:
            reference = ShiftReference.load(folder)
        except ValueError as error:
            self._log_warning(str(error))
            reference = None
        self._monitor.reference = reference if reference and reference.num_classes == num_classes else None


def shift_in_words(shift: Shift | None, has_reference: bool) -> dict[str, str]:
    """What diagnostics tell of the shift; `shift` is a number, or says why there is none."""
    if shift is None:
        return {"shift": "-" if has_reference else "no reference", "shift by part": "-", "mean confidence": "-"}
    return {
        "shift": f"{shift.value:.2f}",
        "shift by part": ", ".join(f"{name} {value:.2f}" for name, value in shift.parts.items()),
        "mean confidence": f"{shift.confidence:.2f}, in what the model knows {shift.known_confidence:.2f}",
    }
