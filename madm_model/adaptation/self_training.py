# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One iteration of MADM's self-training, from two batches to an optimiser step.

Source: paper section 3, specification sections 8 to 13 and 16. Every row of the ablation, the released training and
the plain supervised one run through this class; the configuration says which parts take place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from madm_model.adaptation.class_mix import ChooseClasses, choose_half
from madm_model.adaptation.config import AdaptationConfig
from madm_model.adaptation.data.batch_loader import BatchLoader
from madm_model.adaptation.data.batches import AdaptationData, LabelledBatch, TargetBatch, images_of
from madm_model.adaptation.dplg import draw_noise
from madm_model.adaptation.ema_teacher import EMATeacher, load_partial_state
from madm_model.adaptation.logit_adjustment import add_class_bias, configured_bias
from madm_model.adaptation.passes import Passes, batch_generators, gradient_norm
from madm_model.adaptation.pixel_contrast import PixelContrast
from madm_model.adaptation.resources import HalvedWeights, check_resources, make_optimizer, merge_lora, prepare_network
from madm_model.adaptation.step_statistics import StepStatistics, TargetStatistics
from madm_model.adaptation.swa import StochasticWeightAverage
from madm_model.adaptation.target_norm import evaluating, renew_norm_statistics
from madm_model.labels import LabelSet
from madm_model.network.madm import MADM
from madm_model.network.noise import make_shared_noise
from madm_model.training.optimizer import clip_gradient, set_learning_rate
from madm_model.training.precision import autocast
from madm_model.training.processes import ALONE, Processes

TRAINED_PARTS = ("unet", "projections", "head", "condition")


class TrainingDiverged(Exception):
    """A loss or gradient is not a finite number; the message says at which iteration."""


class SelfTraining:
    """Trains a network in place, one iteration at a time; `stage.run_iterations` is its loop.

    Everything random in an iteration follows from the seed and the iteration's number (dropout through torch's
    global generator, which the loop seeds), so a resumed training equals the unbroken one.

    Attributes:
        network: the student, which is also what is saved in the end.
        teacher: the network that labels the target; None without self-training.
        contrast: the head of pixel-wise contrast; None without.
        passes: what computes a batch's gradients.
        loader: gives the batches, and tells for how long they were waited for.
        optimizer: AdamW over the trained parameters.
        bias_to_keep: what logit adjustment has added to the bias of each class, as `ModelConfig.class_bias` keeps it.
    """

    def __init__(
        self,
        network: MADM,
        label_set: LabelSet,
        data: AdaptationData,
        config: AdaptationConfig,
        choose_classes: ChooseClasses = choose_half,
        processes: Processes = ALONE,
        workers: int = 0,
        held_bias: Sequence[float] = (),
    ) -> None:
        """Get a network ready to train, in place, on the device it is on.

        Args:
            network: float32 weights to start from.
            label_set: the classes, in the order of the network's output.
            data: source and target batches.
            config: the method, its optimiser and its cost.
            choose_classes: which classes of the source are pasted onto the target.
            processes: that train together; they share the batches of every step.
            workers: processes that prepare batches ahead; 0 prepares each when it is needed.
            held_bias: what an earlier logit adjustment has added to the classifier's bias, (K,) in nats: this one
                takes its place; empty: none.

        Raises:
            ResourceError: the device cannot train as configured.
            ValueError: the label set does not fit the network, or the batches of a step cannot be shared evenly.
        """
        if len(label_set) != network.num_classes:
            raise ValueError(f"the network has {network.num_classes} classes, the label set {len(label_set)}")
        self._device = network.shared_noise.device
        check_resources(config.resources, self._device)
        if config.resources.accumulation % processes.count:
            raise ValueError(
                f"{config.resources.accumulation} batches a step cannot be shared evenly by {processes.count} "
                f"processes: set accumulation to a multiple of {processes.count}"
            )
        self.network, self._data, self._config, self._processes = network, data, config, processes
        self._batches = range(processes.rank, config.resources.accumulation, processes.count)
        self.loader = BatchLoader(
            *(data, config.seed, config.iterations, self._batches, config.self_training is not None, workers),
            pinned=self._device.type == "cuda",
        )

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)  # of the adapters' first weights
            self._halved = prepare_network(network, config.resources, config.train_unet_output)
        if not config.clean_noise:
            network.shared_noise.zero_()
        elif not network.shared_noise.any():  # left so by a training without
            network.shared_noise.copy_(make_shared_noise(network.shared_noise.shape[1]))
        if held_bias:
            add_class_bias(network, -np.asarray(held_bias, np.float32))
        bias = configured_bias(network, data, config)
        add_class_bias(network, bias)
        self.bias_to_keep = tuple(bias.tolist()) if bias.any() else ()
        network.train()
        network.head.dropout.p = config.dropout
        self_training = config.self_training
        self.teacher = EMATeacher(network, self_training.teacher) if self_training else None
        self._average = StochasticWeightAverage(network, math.ceil((1 - config.averaged_share) * config.iterations))
        self.contrast = self._make_contrast()
        trained = nn.ModuleList([network, self.contrast]) if self.contrast is not None else network
        self.optimizer = make_optimizer(trained, config.optimizer, config.resources.eight_bit_optimizer)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=config.resources.precision == "float16")
        self.passes = Passes(
            *(network, self.teacher, self.contrast, label_set, config, choose_classes, self._scaler),
            batches=len(self._batches),
            bias=torch.from_numpy(bias) if bias.any() else None,
        )

    def _make_contrast(self) -> PixelContrast | None:
        config = self._config.self_training and self._config.self_training.pixel_contrast
        if not config:
            return None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)
            return PixelContrast(self.network.architecture.projection_out[1:], config).to(self._device)

    def step(self, iteration: int) -> StepStatistics:
        """Run one iteration, counted from 0.

        Raises:
            TrainingDiverged: a loss or gradient is not finite.
        """
        # 1. The teacher follows the student, which it equals at iteration 0
        if self.teacher is not None and iteration > 0:
            self.teacher.update(iteration)

        # 2. to 7. Gradients of every batch of this step
        self.optimizer.zero_grad(set_to_none=True)
        mine = [self._accumulate(iteration, index) for index in range(len(self._batches))]
        losses, targets = zip(*self._processes.gather(mine))
        _check_finite(losses, iteration)

        # 8. Average over the processes, clip and step
        self._processes.average_gradients(value for group in self.optimizer.param_groups for value in group["params"])
        self._processes.average([value for value in self.network.head.buffers() if value.is_floating_point()])
        if self.passes.certainty is not None:
            self._processes.average([self.passes.certainty.thresholds])
        learning_rate = set_learning_rate(self.optimizer, iteration, self._config.iterations, self._config.optimizer)
        gradient_norm, gradient_norms = self._update_weights(iteration)
        self._average.update(iteration)
        return StepStatistics(
            {name: float(np.mean([values[name] for values in losses])) for name in losses[0]},
            gradient_norm,
            gradient_norms,
            learning_rate,
            [target for target in targets if target is not None],
        )

    def _accumulate(self, iteration: int, index: int) -> tuple[dict[str, float], TargetStatistics | None]:
        """Add the gradients of one source and one target batch, of those that this process has in a step."""
        batch = self._batches[index]
        if batch:  # dropout of a batch does not depend on which process had the one before
            torch.manual_seed((self._config.seed * 1_000_003 + iteration) * 1_009 + batch)
        source, target = self.loader.get(iteration, index)
        images, labels = (value.to(self._device, non_blocking=True) for value in source[:2])
        paired = None
        if isinstance(target, TargetBatch):
            target = paired = TargetBatch(*(value.to(self._device, non_blocking=True) for value in target))
        rngs = batch_generators(self._config.seed, iteration, batch)
        return self.passes.run(
            LabelledBatch(images, labels, source.of_target), images_of(target, self._device), iteration, rngs, paired
        )

    def _update_weights(self, iteration: int) -> tuple[float, dict[str, float]]:
        """Clip and step; gives the gradient's norm before clipping, as a whole and by part."""
        self._scaler.unscale_(self.optimizer)
        norms = {part: gradient_norm(self.network.get_submodule(part)) for part in TRAINED_PARTS}
        if self.contrast is not None:
            norms["contrast"] = gradient_norm(self.contrast)
        total = math.sqrt(sum(norm**2 for norm in norms.values()))
        # The scaler skips a step that overflowed, and scales the next one less.
        if not self._scaler.is_enabled() and not math.isfinite(total):
            raise TrainingDiverged(f"the gradient is {total} at iteration {iteration}: lower the learning rate")
        clip_gradient(self.optimizer, self._config.optimizer)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        return total, norms

    @contextmanager
    def preview(self) -> Iterator[MADM]:
        """The network as `finish` would leave it, to be scored between two steps; training goes on as if unseen."""
        training = {name: value.clone() for name, value in self.network.head.named_buffers()}
        with self._halved.whole(), self._average.applied():
            renew_norm_statistics(self.network, self._data, self._config)
            try:
                yield self.network
            finally:
                self.network.head.load_state_dict(training, strict=False)

    @torch.no_grad()
    def opinion(self, images: torch.Tensor, noise_step: int) -> torch.Tensor:
        """How the target is labelled: the teacher's logits, or without a teacher those of the network as it is.

        Nothing changes by that but the statistics of a teacher that normalises with its batch, which it does not use.

        Args:
            images: (B, 3, H, W) in [-1, 1], on the network's device.
            noise_step: diffusion step of the latent's noise, drawn as DPLG's.

        Returns:
            float32 (B, K, H, W).
        """
        dplg = self._config.self_training.dplg if self._config.self_training else None
        noise = draw_noise(dplg, noise_step, self.network.latent_shape(images), np.random.default_rng(noise_step))
        with autocast(self._device, self._config.resources.precision):
            if self.teacher is not None:
                return self.teacher.logits(images, noise_step, noise).float()
            with evaluating(self.network):
                return self.network(images, noise_step, noise).logits.float()

    def finish(self) -> MADM:
        """The trained network, float32, in evaluation mode, adapters merged; this object is spent."""
        self._halved.restore()
        self._halved = HalvedWeights()  # lets go of what it kept, as of teacher, gradients and the optimiser's state
        self.network.zero_grad(set_to_none=True)
        self.loader.close()
        self.network.load_state_dict(self._average.mean, strict=False)
        del self.teacher, self.contrast, self.passes, self.optimizer, self._average
        renew_norm_statistics(self.network, self._data, self._config)
        merge_lora(self.network)
        self.network.unet.disable_gradient_checkpointing()
        return self.network.eval()

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes; frozen weights are left out: a resumed training starts from the same."""
        return {
            "config": repr(self._config),
            "network": self.trained_state(),
            **{name: part.state_dict() if part is not None else {} for name, part in self._parts_with_state().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`, on a network that had the same weights before its training.

        Raises:
            ValueError: the state is from another configuration.
        """
        if state["config"] != repr(self._config):
            raise ValueError(
                "the checkpoint is from another configuration (on another device, or in another release, defaults may "
                "differ): resume with that one, or start afresh"
            )
        self.load_trained(state["network"])
        for name, part in self._parts_with_state().items():
            if part is not None:
                part.load_state_dict(state[name])

    def _parts_with_state(self) -> dict[str, Any]:
        """Name in a checkpoint to what has a state besides the network; None where the configuration does without."""
        return {
            **{"teacher": self.teacher, "contrast": self.contrast, "certainty": self.passes.certainty},
            **{"average": self._average, "optimizer": self.optimizer, "scaler": self._scaler},
        }

    def trained_state(self) -> dict[str, torch.Tensor]:
        """Weights and buffers as the last step left them."""
        state = self.network.state_dict()
        return {name: state[name] for name in self._trained_names()}

    def state_to_finish(self) -> dict[str, torch.Tensor]:
        """The part of `state_dict` that makes the trained network: averages where they have begun."""
        return self.trained_state() | self._average.mean

    def load_trained(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what `trained_state` or `state_to_finish` gave; enough for `finish`, not for going on.

        Raises:
            RuntimeError: a tensor is missing, unknown or of another shape.
        """
        load_partial_state(self.network, state, self._trained_names())

    def _trained_names(self) -> set[str]:
        """Names of the trained parameters and of all buffers, BatchNorm's statistics among them."""
        frozen = {name for name, value in self.network.named_parameters() if not value.requires_grad}
        return self.network.state_dict().keys() - frozen


def _check_finite(losses: Iterable[dict[str, float]], iteration: int) -> None:
    """Refuse losses that are no numbers.

    Raises:
        TrainingDiverged: one is not finite.
    """
    for name, value in (item for values in losses for item in values.items()):
        if not math.isfinite(value):
            raise TrainingDiverged(f"{name} is {value} at iteration {iteration}: lower the learning rate")
