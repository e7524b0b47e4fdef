"""JSON files that may be damaged in any way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; numbers in it may be infinite.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a file.
    """
    try:
        data = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("it does not hold an object")
    return data
