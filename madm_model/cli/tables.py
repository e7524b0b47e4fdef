# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Tables that commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table


def timing_table(title: str, milliseconds: Mapping[str, Sequence[float]]) -> Table:
    """Median and 95th percentile per stage, and of their sum.

    Args:
        title: above the table.
        milliseconds: per stage, one value for each frame; stages have the same number of values.
    """
    table = Table("stage", "median", "95 %", title=title, title_justify="left")
    stages = {name: np.asarray(values) for name, values in milliseconds.items()}
    stages["total"] = np.sum(list(stages.values()), axis=0)
    for name, values in stages.items():
        if values.size:
            table.add_row(name, f"{np.median(values):.1f}", f"{np.percentile(values, 95):.1f}")
    return table
