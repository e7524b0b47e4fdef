# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Compare two training iterations with those of the official training code.

    python test/check_training_parity.py FILE [--iterations 1]

FILE is train_source_target.json or train_source_only.json; seeded.py and small.manifest.json beside it define weights
and batch. The network comes from the importer and is trained by the trainer that adaptation uses; the fixed choices of
the reference (its README) are settings, fixed data, and a class choice without chance. Prints every compared number.
Exit status 0: all agree within the README's tolerances.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from check_parity import SMALL

from madm_model.adaptation.config import (
    AdaptationConfig,
    DPLGConfig,
    LPLRConfig,
    SelfTrainingConfig,
)
from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.adaptation.self_training import SelfTraining
from madm_model.checkpoint.official import import_checkpoint
from madm_model.labels import STREET_11
from madm_model.network import MADM
from madm_model.training.optimizer import OptimizerConfig

LPLR = {"st": LPLRConfig(1.0, 1.0), "s": LPLRConfig(20.0, 0.0)}
"""Regression weights of the references, by their `variant`."""

LOSSES = {
    "source_loss": "source_segmentation",
    "target_loss": "target_segmentation",
    "vae_decoder_source_loss": "source_regression",
    "vae_decoder_target_loss": "target_regression",
}
"""Official names of the losses, and ours."""

PARAMETERS = {
    "sem_seg_head.conv_seg.weight": "head.classifier.weight",
    "backbone.feature_projections.0.0.conv1.weight": "projections.0.conv1.weight",
    "backbone.feature_extractor.ldm_extractor.unet.mid_block.resnets.0.conv1.weight": (
        "unet.mid_block.resnets.0.conv1.weight"
    ),
    "backbone.feature_extractor.clip_project_rgb.prompt_embed": "condition.prompt_embed",
}
"""Official names of the student's parameters under `after`, and ours."""

LOSS_TOLERANCES = (1e-3, 5e-3)
"""Relative, at iterations 0 and 1."""
QUALITY_TOLERANCE = 2e-3
"""Absolute."""
NORM_TOLERANCE = 1e-2
"""Relative, of gradient norms."""
PASTED_TOLERANCE = 1e-6
"""Absolute: which pixels are pasted is decided by the label alone."""
HISTOGRAM_TOLERANCE = 3e-4
"""Pixels that may change their class, as a share of all: the README names none. Measured: 6e-5."""
PARAMETER_TOLERANCE = 3e-6
"""Relative, of the parameters' norms after two steps: the README names none. Measured: 4e-7; what two steps change
is 1e-4 of the head, and the two references differ by 2e-6 there."""


@dataclass
class Comparison:
    """One number of the reference and ours."""

    name: str
    reference: float
    found: float
    tolerance: float
    """Largest absolute difference allowed."""

    @property
    def agrees(self) -> bool:
        """False for NaN too."""
        return abs(self.found - self.reference) <= self.tolerance


class FixedData:
    """The reference's one batch, at every iteration."""

    def __init__(self, source: np.ndarray, target: np.ndarray, label: np.ndarray) -> None:
        self._source = LabelledBatch(_network_image(source), torch.from_numpy(label))
        self._target = _network_image(target)

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """The source image and its label."""
        return self._source

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        """The target image."""
        return self._target


def _network_image(image: np.ndarray) -> torch.Tensor:
    """(3, H, W) of 0 to 255 to (1, 3, H, W) of -1 to 1."""
    return (torch.from_numpy(image)[None] / 255 - 0.5) / 0.5


def first_half(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first half of the sorted classes, rounded up."""
    return classes[: (len(classes) + 1) // 2]


def reference_config(reference: dict[str, Any]) -> AdaptationConfig:
    """The reference's choices as settings."""
    return AdaptationConfig(
        iterations=len(reference["iterations"]),
        dropout=0.0,
        self_training=SelfTrainingConfig(
            pseudo_threshold=reference["pseudo_threshold"],
            dplg=DPLGConfig((reference["noise_start"],) * 2, reference["noise_period"]),
            augmentation=None,
        ),
        lplr=LPLR[reference["variant"]],
        optimizer=OptimizerConfig(
            learning_rate=reference["lr"],
            weight_decay=reference["weight_decay"],
            gradient_clip=reference["clip"],
            warmup_iterations=0,
            steps=(),
        ),
    )


def load_network(folder: Path, seeded: dict[str, Any]) -> MADM:
    """The reference's network, through the importer."""
    manifest = json.loads((folder / "small.manifest.json").read_text())
    tensors = {key: torch.from_numpy(np.asarray(value)) for key, value in seeded["state_dict"](manifest).items()}
    return import_checkpoint(tensors, SMALL, "event", "parity").network


def compare(path: Path, iterations: int) -> Iterator[Comparison]:
    """Train as the reference did, so many of its iterations, and compare on the way."""
    reference = json.loads(path.read_text())
    seeded = runpy.run_path(str(path.parent / "seeded.py"))
    network = load_network(path.parent, seeded)
    data = FixedData(*seeded["training_batch"](reference["seed"]))
    trainer = SelfTraining(network, STREET_11, data, reference_config(reference), first_half)

    for group in trainer.optimizer.param_groups:
        count = sum(value.numel() for value in group["params"])
        yield Comparison(
            f"parameters with weight decay {group['weight_decay']}",
            reference["params_by_weight_decay"][str(group["weight_decay"])],
            count,
            0,
        )
    for iteration, expected in enumerate(reference["iterations"][:iterations]):
        yield from _compare_iteration(iteration, expected, trainer)
    if iterations < len(reference["iterations"]):
        return
    for official, norm in reference["after"].items():
        yield Comparison(f"norm of {official}", norm, _norm_after(official, trainer), norm * PARAMETER_TOLERANCE)


def _compare_iteration(iteration: int, expected: dict[str, Any], trainer: SelfTraining) -> Iterator[Comparison]:
    statistics = trainer.step(iteration)
    (target,) = statistics.target
    if {LOSSES[name] for name in expected["losses"]} != statistics.losses.keys():
        sys.exit(f"error: the reference has losses {sorted(expected['losses'])}, we {sorted(statistics.losses)}")
    for name, loss in expected["losses"].items():
        tolerance = loss * LOSS_TOLERANCES[iteration]
        yield Comparison(f"{iteration} {name}", loss, statistics.losses[LOSSES[name]], tolerance)
    for part, norm in expected["grad_norm"].items():
        yield Comparison(f"{iteration} grad_norm {part}", norm, statistics.gradient_norms[part], norm * NORM_TOLERANCE)
    norm = expected["total_grad_norm"]
    yield Comparison(f"{iteration} total_grad_norm", norm, statistics.gradient_norm, norm * NORM_TOLERANCE)
    yield Comparison(f"{iteration} quality_weight", expected["quality_weight"], target.quality, QUALITY_TOLERANCE)
    share = expected["source_pasted_share"]
    yield Comparison(f"{iteration} source_pasted_share", share, target.pasted_share, PASTED_TOLERANCE)
    pixels = sum(expected["mixed_label_histogram"].values())
    for label, count in expected["mixed_label_histogram"].items():
        found = int(target.label_histogram[int(label)])
        yield Comparison(f"{iteration} pixels of class {label}", count, found, pixels * HISTOGRAM_TOLERANCE)


def _norm_after(official: str, trainer: SelfTraining) -> float:
    if official == "ema_sem_seg_head.conv_seg.weight":
        assert trainer.teacher is not None
        return trainer.teacher.network.head.classifier.weight.norm().item()
    return trainer.network.get_parameter(PARAMETERS[official]).norm().item()


def main() -> int:
    """Print the comparison; 0 if everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path, metavar="FILE")
    parser.add_argument("--iterations", type=int, choices=(1, 2), default=2, help="how many are compared (default: 2)")
    options = parser.parse_args()
    path = options.reference
    if not path.is_file():
        sys.exit(f"error: there is no reference file {path}")
    everything_agrees = True
    for number in compare(path, options.iterations):
        verdict = "ok" if number.agrees else "DIFFERS"
        print(f"{number.name:90s} {number.reference:<14.8g} {number.found:<14.8g} {verdict}", flush=True)
        everything_agrees &= number.agrees
    return 0 if everything_agrees else 1


if __name__ == "__main__":
    sys.exit(main())
