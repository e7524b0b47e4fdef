# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Scores on the way: every process labels its share of the images, the best model is kept."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from madm_model.adaptation.config import ResourceConfig
from madm_model.adaptation.resources import merge_lora
from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.target_norm import evaluating
from madm_model.checkpoint.model_folder import save_model
from madm_model.datasets.dataset import Dataset
from madm_model.datasets.views import TEST_SIZE, resize_image, resize_labels
from madm_model.evaluation.miou import ConfusionMatrix
from madm_model.evaluation.report import scores_of
from madm_model.io import durable
from madm_model.model_config import ModelConfig
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter
from madm_model.training.precision import autocast
from madm_model.training.processes import Processes

SCORES_FILE, BEST_FOLDER = "scores.json", "best"


class Validation:
    """Scores a training as the official evaluation does, at 512x512, and keeps the best model.

    Attributes:
        history: one entry per evaluation, oldest first: iteration, and scores as `evaluation.report` has them.
    """

    def __init__(
        self, dataset: Dataset, images: int, config: ModelConfig, out: Path, processes: Processes, first: int
    ) -> None:
        """Go on with the history of an earlier run.

        Args:
            dataset: opened with the labels of the network's classes.
            images: how many are scored, evenly spread; 0: all.
            config: of the model, written beside its weights.
            out: gets scores.json and the model folder best/.
            processes: that score together.
            first: iterations done before; later entries are of what is trained again.
        """
        count = min(images or len(dataset), len(dataset))
        indices = np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int))
        self._indices = indices[processes.rank :: processes.count]
        self._dataset, self._config, self._out, self._processes = dataset, config, out, processes
        file = out / SCORES_FILE
        before = json.loads(file.read_text()) if first and file.exists() else []
        self.history: list[dict[str, Any]] = [entry for entry in before if entry["iteration"] <= first]

    def run(self, trainer: SelfTraining, iteration: int, resources: ResourceConfig) -> dict[str, Any]:
        """Score the network as it is; returns the new entry of the history."""
        with trainer.preview() as network:
            scores = scores_of(self._count(network, resources), self._config.label_set)
            entry = {"iteration": iteration, **scores}
            best = max((other["miou"] or 0.0 for other in self.history), default=-1.0)
            self.history.append(entry)
            if self._processes.is_first:
                if (scores["miou"] or 0.0) > best:
                    self._keep(network)
                durable.write_json(self._out / SCORES_FILE, self.history)
        return entry

    def _count(self, network: MADM, resources: ResourceConfig) -> ConfusionMatrix:
        device = network.shared_noise.device
        mine = ConfusionMatrix(len(self._config.label_set))
        segmenter = Segmenter(network, self._config, device, torch.float32)
        with evaluating(network), autocast(device, resources.precision):
            for index in map(int, self._indices):
                image = resize_image(self._dataset.image(index), TEST_SIZE)
                truth = resize_labels(self._dataset.labels(index), TEST_SIZE)
                mine.add(segmenter.segment([image])[0].labels, truth)
        mine.counts = np.sum(self._processes.gather([mine.counts]), axis=0)
        return mine

    def _keep(self, network: MADM) -> None:
        if getattr(network.unet, "peft_config", None):
            network = copy.deepcopy(network)  # the training goes on with adapters
            merge_lora(network)
        save_model(self._out / BEST_FOLDER, network, self._config)
