# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a rolling recorder keeps."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from madm_model.settings import settings

GB = 1_000_000_000
_SEGMENTS_IN_QUOTA = 10
"""A segment that reaches this part of the quota is closed, so that the oldest ones can go one by one."""


@settings
class RecorderConfig:
    """How much is kept, and what is not worth it."""

    minutes: Annotated[float, Field(ge=0.1, le=100_000.0)] = 10.0
    """Minutes of recording that are kept, the latest; time in which nothing was worth keeping does not count."""
    quota_gb: Annotated[float, Field(ge=0.02, le=1_000_000.0)] = 2.0
    """Disk that the recording may take, GB; the oldest segments are deleted before it is more."""
    reserve_gb: Annotated[float, Field(ge=0.0, le=1_000_000.0)] = 1.0
    """Disk that stays free, GB: where others fill it, the oldest segments go, and then nothing is written."""
    segment_s: Annotated[float, Field(ge=1.0, le=3600.0)] = 60.0
    """Seconds after which a segment is closed: a power cut loses the open one at most."""
    max_fps: Annotated[float, Field(ge=0.0, le=1000.0)] = 5.0
    """Images or clouds a second that are looked at; the others are left out before they cost anything. 0: all."""
    still_difference: Annotated[float, Field(ge=0.0, le=255.0)] = 1.0
    """An image is left out if its thumbnail differs from the last kept one's by less, mean of grey levels; 0: none."""

    @property
    def quota_bytes(self) -> int:
        """Of all segments together."""
        return round(self.quota_gb * GB)

    @property
    def segment_bytes(self) -> int:
        """At which a segment is closed before its time."""
        return self.quota_bytes // _SEGMENTS_IN_QUOTA
