# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How many pixels of every class every image has, for Rare Class Sampling: counted once, then kept.

Source: specification section 15; takes the place of DAFormer's sample_class_stats.json and samples_with_class.json.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from madm_model.datasets.files import FileDataset, read_ids
from madm_model.io import durable
from madm_model.io.json_files import read_object
from madm_model.io.user_cache import user_cache

_CHUNK = 32
"""Images that a process counts at a time."""

logger = logging.getLogger(__name__)

_dataset: FileDataset
"""In a process that counts: what it counts."""


def pixel_counts(
    dataset: FileDataset,
    folder: Path | None = None,
    on_images: Callable[[int], None] = lambda _count: None,
    processes: int | None = None,
) -> np.ndarray:
    """Pixels of every class of `dataset.label_set` in every image; pixels without a class are not counted.

    Args:
        dataset: opened with labels.
        folder: where the counts are kept; found there again if the list and sizes of the label files and what their
            ids mean are the same. None: `user_cache`.
        on_images: told how many images have been counted since it was told last; never called if counts were kept.
        processes: that read and count; None for one a core, 0 for this one.

    Returns:
        int64 (N, K).

    Raises:
        FrameError: a label file cannot be used.
        InputError: the data set was opened without labels.
    """
    folder = user_cache() if folder is None else folder
    shape = (len(dataset), len(dataset.label_set))
    file = folder / f"{dataset.name}_pixels_{_key(dataset)}.json"
    with suppress(OSError, ValueError, KeyError):
        kept = np.array(read_object(file)["counts"], np.int64)
        if kept.shape == shape:
            return kept
    counts = np.zeros(shape, np.int64)
    chunks = [range(start, min(start + _CHUNK, len(dataset))) for start in range(0, len(dataset), _CHUNK)]
    for chunk, counted in zip(chunks, _counted(dataset, chunks, os.cpu_count() if processes is None else processes)):
        counts[chunk] = counted
        on_images(len(chunk))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        durable.write_json(file, {"counts": counts.tolist()})
    except OSError as error:  # they are counted again the next time
        logger.warning("the pixel counts of %s cannot be kept in %s: %s", dataset.name, folder, error)
    return counts


def _key(dataset: FileDataset) -> str:
    files = [dataset.label_file(index) for index in range(len(dataset))]
    described = [
        [[str(file.absolute()), file.stat().st_size] for file in files],
        dataset.translation.tolist(),
        len(dataset.label_set),
    ]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:20]


def _counted(dataset: FileDataset, chunks: Sequence[range], processes: int | None) -> Iterator[np.ndarray]:
    if not processes:
        _begin(dataset)
        yield from map(_count, chunks)
        return
    # Started anew rather than forked: the caller may have threads, whose locks a fork would copy.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, initializer=_begin, initargs=(dataset,)) as executor:
        yield from executor.map(_count, chunks)


def _begin(dataset: FileDataset) -> None:
    global _dataset
    _dataset = dataset


def _count(indices: range) -> np.ndarray:
    """int64 (n, K) of some images."""
    return np.stack([_count_one(_dataset.label_file(index)) for index in indices])


def _count_one(file: Path) -> np.ndarray:
    """int64 (K,). The file's ids are counted before they are translated: 256 counts are fewer than the pixels."""
    by_id = np.bincount(read_ids(file).ravel(), minlength=256)
    by_class = np.zeros(256, np.int64)
    np.add.at(by_class, _dataset.translation, by_id)
    return by_class[: len(_dataset.label_set)]
