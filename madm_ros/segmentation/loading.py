"""Loads the segmenter of a node."""

from __future__ import annotations

from collections.abc import Callable

from madm_ros.segmentation.pipeline import SegmenterLike

SegmenterFactory = Callable[[str, str, str], SegmenterLike]
"""Makes a segmenter from model (name or folder), device and precision."""


def load_segmenter(model: str, device: str, precision: str) -> SegmenterLike:
    """Load a model folder.

    Raises:
        ModelError: the folder or the device cannot be used.
    """
    # torch takes seconds to import: the node and its services are up before.
    from madm_model.segmenter import Segmenter

    return Segmenter.from_folder(model, device=device, dtype=precision)
