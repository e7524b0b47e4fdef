# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Open files under names of choice, for libraries that open files by name."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class LinkFolder:
    """A folder of links to files that this process holds open: whatever their old names lead to by now.

    A link leads to the file itself, also to one without any name left. To be closed.

    Attributes:
        path: the folder.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="madm-")
        self._descriptors: list[int] = []
        self.path = Path(self._folder.name)

    def link(self, name: str, descriptor: int) -> Path:
        """Make a link of this name, relative to the folder; the descriptor is closed with it."""
        self._descriptors.append(descriptor)
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(f"/proc/self/fd/{descriptor}")
        return path

    def close(self) -> None:
        """Close the files and remove the folder."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        self._folder.cleanup()
