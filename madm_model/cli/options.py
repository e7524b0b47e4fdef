"""Settings given on the command line as NAME=VALUE."""

from __future__ import annotations

from collections.abc import Sequence


def read_options(options: Sequence[str]) -> dict[str, str]:
    """Name to value.

    Raises:
        ValueError: one of them has no value.
    """
    pairs = [option.partition("=") for option in options]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise ValueError(f"option '{wrong[0]}' has no value: write NAME=VALUE")
    return {name: value for name, _, value in pairs}
