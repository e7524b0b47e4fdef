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
