# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the teacher says about the target: its probabilities of every frame, made once and kept on disk.

The teacher sees each frame as it would see it live, as a whole, plain and mirrored. Training draws parts of a frame
hundreds of times; the large network runs once for all of them, and not beside the student. Several teachers label as
their mean.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.checkpoint.model_folder import WEIGHTS_FILE, load_model
from madm_model.io import durable
from madm_model.model_config import ModelConfig, network_size
from madm_model.segmenter import NotFiniteError
from madm_model.store.version import checksum
from madm_model.training.config import Precision
from madm_model.training.precision import autocast

_META_FILE, _LABELS_FILE = "labels.json", "labels.bin"
_STRIDE = 2
"""Pixels of a frame a stored probability, which has as many bytes there as the frame for 12 classes."""
_KEEP_EVERY = 32
"""Frames after which an interrupted run goes on."""


class TeacherLabels:
    """Probabilities that `label_frames` kept.

    A byte holds the root of a probability, 255 for 1: small ones, which a temperature brings out, keep their size.

    Attributes:
        indices: int (N,), rising: frames that have labels.
        seconds: that the teacher took.
    """

    def __init__(self, folder: Path) -> None:
        meta = json.loads((folder / _META_FILE).read_text())
        indices = meta["wanted"]["frames"][: meta["done"]]
        self.indices = np.sort(indices)
        shape = (len(indices), *meta["wanted"]["shape"])
        self._roots = np.memmap(folder / _LABELS_FILE, np.uint8, "r", shape=shape)
        self._row_of = {int(index): row for row, index in enumerate(indices)}
        self.seconds: float = meta["seconds"]

    def of(self, index: int) -> torch.Tensor:
        """Probabilities of a frame: float32 (K, h, w), half as high and wide as the frame; they sum to 1."""
        probability = (torch.from_numpy(np.array(self._roots[self._row_of[int(index)]])).float() / 255).square()
        return probability / probability.sum(dim=0)


def label_frames(
    teachers: Mapping[Path, float],
    frames: TargetFrames,
    indices: Sequence[int],
    folder: Path,
    device: torch.device,
    precision: Precision = "float32",
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    time_limit_s: float = math.inf,
) -> TeacherLabels:
    """Have models label frames; what an earlier call in the same folder has done with the same models is kept.

    Args:
        teachers: model folders of the same classes, and their weights in the mean.
        frames: of the target.
        indices: which of them.
        folder: gets the probabilities.
        device: where the teachers run.
        precision: its autocast type.
        on_frame: called after every frame with the number of frames done and in all; may raise to stop.
        time_limit_s: no further frame is begun after that long, earlier calls counted; one has labels in any case.

    Raises:
        ModelError: a model cannot be read, or its scores are not finite.
        OSError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = [len(ModelConfig.load(next(iter(teachers))).label_set)]
    shape += [side // _STRIDE for side in frames.images.shape[1:3]]
    total = sum(teachers.values())
    shares = {folder: weight / total for folder, weight in teachers.items() if weight}
    wanted = {
        "teachers": [[checksum(folder / WEIGHTS_FILE), share] for folder, share in shares.items()],
        "frames": [int(index) for index in indices],
        "shape": shape,
    }
    done, seconds = _kept(folder, wanted)
    if done < len(indices) and (not done or seconds < time_limit_s):
        networks = [(*load_model(folder, device), share) for folder, share in shares.items()]
        started = time.monotonic() - seconds
        with (folder / _LABELS_FILE).open("r+b" if done else "wb") as file:
            file.truncate(done * int(np.prod(shape)))
            file.seek(0, 2)
            for number, index in enumerate(indices[done:], done + 1):
                image = np.array(frames.images[index])
                opinions = [
                    share * _probabilities(network, config, image, shape[1:], device, precision)
                    for network, config, share in networks
                ]
                file.write(_as_bytes(torch.stack(opinions).sum(dim=0)))
                is_last = number == len(indices) or time.monotonic() - started >= time_limit_s
                if number % _KEEP_EVERY == 0 or is_last:
                    file.flush()
                    durable.sync(folder / _LABELS_FILE)
                    kept = {"wanted": wanted, "done": number, "seconds": time.monotonic() - started}
                    durable.write_json(folder / _META_FILE, kept)
                on_frame(number, len(indices))
                if is_last:
                    break
    return TeacherLabels(folder)


def _kept(folder: Path, wanted: dict) -> tuple[int, float]:
    """How many frames are labelled as wanted, and the seconds that took."""
    try:
        meta = json.loads((folder / _META_FILE).read_text())
        whole = (folder / _LABELS_FILE).stat().st_size >= meta["done"] * int(np.prod(wanted["shape"]))
        return (meta["done"], meta["seconds"]) if whole and meta["wanted"] == wanted else (0, 0.0)
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0.0


@torch.no_grad()
def _probabilities(
    network: nn.Module,
    config: ModelConfig,
    image: np.ndarray,
    size: Sequence[int],
    device: torch.device,
    precision: Precision,
) -> torch.Tensor:
    """Class probabilities of an image, uint8 (H, W, 3), and its mirror image on average: float32 (1, K, *size)."""
    low, high = config.input_range
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()  # (1, 3, H, W)
    pixels = functional.interpolate(pixels, network_size(config, *image.shape[:2]), mode="bilinear", antialias=True)
    batch = ((pixels - low) * (2 / (high - low)) - 1).to(device)
    with autocast(device, precision):
        plain, mirrored = network(torch.cat([batch, batch.flip(-1)])).logits.float().softmax(dim=1)  # (K, h, w) each
    mean = (plain + mirrored.flip(-1))[None] / 2
    if not mean.isfinite().all():
        raise NotFiniteError(
            f"the scores of the teacher '{config.name}' are not finite in {precision}: use another precision or model"
        )
    return functional.interpolate(mean, size, mode="bilinear", antialias=True)


def _as_bytes(probability: torch.Tensor) -> bytes:
    return (255 * probability.clamp(0, 1).sqrt()).round().to("cpu", torch.uint8).numpy().tobytes()
