# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Loads the segmenter of a node."""

from __future__ import annotations

from collections.abc import Callable

from madm_ros.sharing.shared_network import SegmenterLike

SegmenterFactory = Callable[[str, str, str, str], SegmenterLike]
"""Makes a segmenter from model (name or folder), device, precision and runtime."""


def load_segmenter(model: str, device: str, precision: str, runtime: str) -> SegmenterLike:
    """Load a model folder.

    Raises:
        ModelError: the folder, the device or the runtime cannot be used.
    """
    # torch takes seconds to import: the node and its services are up before.
    from madm_model.segmenter import Segmenter

    return Segmenter.from_folder(model, device=device, dtype=precision, runtime=runtime)
