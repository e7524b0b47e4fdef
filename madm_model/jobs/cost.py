# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a job will take, told before it starts: memory and time, from its settings and the network's sizes alone.

A rule, fitted to the peak of trainings of `tiny` on a CPU and of `sd14` on an NVIDIA H200 (docs/adaptation.md has how
far it is off): nothing is run for it, and PyTorch is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from madm_model.architecture import Architecture
from madm_model.checkpoint.weight_count import count_weights
from madm_model.distillation.student_choice import choose_student, student_config
from madm_model.jobs.settings import JobSettings
from madm_model.jobs.student_cost import StudentCost, student_cost
from madm_model.model_config import ModelConfig

_PROCESS = 560_000_000
"""Bytes of main memory: PyTorch and the libraries, frames in flight, the pages of files."""
_WHOLE, _ADAPTERS, _ON_GPU = 24, 14, 8
"""Bytes of main memory a weight: all of them trained (float32 weights, gradients, AdamW's two states, the teacher and a
copy while saving), adapters alone (the new and the running version as they are compared, and their files), or on a
GPU (what is read, kept and saved)."""
_GPU_WHOLE, _GPU_ADAPTERS = 20, 6
"""Bytes of the GPU's memory a weight, likewise. Their difference is that of two measured trainings of `sd14`."""
_GPU_CONTEXT = 1_000_000_000
"""Bytes of the GPU's memory for CUDA itself."""
_GPU_WORK_SPACE = 1.25
"""What a GPU takes for each byte that is kept for the backward pass: PyTorch's and the libraries' work space beside it.
With it, the estimate for `sd14` lies between what its tensors took on the H200 and what PyTorch held for them."""
_BLOCK_VALUES, _LOGIT_VALUES = 7, 5
"""Values kept for the backward pass a channel and pixel of a block of the network, and a class and pixel."""
_ATTENTION_BLOCKS = 2.5
"""What a transformer block keeps, in residual blocks."""
_HEAD_BLOCKS = 4.2
"""What the head keeps, in residual blocks of its width: three of its branches are four times as wide."""
_PASSES = 8
"""Forward passes that an iteration's time is worth: two with their backward passes, the teacher's, the labels'."""
_CPU_RATE, _GPU_RATE = 4e10, 5e12
"""Multiplications a second, of one core and of a GPU; the first is measured, the second a low guess."""


_STUDENT_DISK = 56
"""Bytes of disk a weight of a student: three checkpoints at a time, and the version."""


@dataclass(frozen=True)
class JobCost:
    """What a job takes, estimated."""

    memory: int
    """Bytes of main memory at its peak."""
    gpu_memory: int
    """Bytes of the GPU's memory at its peak; 0 without one."""
    seconds: float
    """Training alone."""

    def __str__(self) -> str:
        gpu = f" and {self.gpu_memory / 1e9:.1f} GB of the GPU's" if self.gpu_memory else ""
        return f"about {self.memory / 1e9:.1f} GB of memory{gpu} and {in_words(self.seconds)} of training"


def estimate_cost(
    settings: JobSettings, config: ModelConfig, model: Path, iterations: int, threads: int, on_gpu: bool
) -> JobCost:
    """What a job takes with its settings.

    Args:
        settings: of the job.
        config: of the network.
        model: folder of the version it starts from.
        iterations: optimiser steps; 0 where a time budget decides them.
        threads: CPU threads; 0 for one.
        on_gpu: whether a GPU trains.
    """
    view, resources = settings.view, settings.training.resources
    weights = count_weights(model)
    pixels = view.batch_size * view.crop_height * view.crop_width
    value = 2 if on_gpu and resources.precision != "float32" else 4
    kept = _kept_values(config, resources.gradient_checkpointing)
    activations = round(pixels * value * kept)
    images = pixels * 2 * (3 * 4 + 8 + 3)  # two batches, their labels and what they are made of
    if on_gpu:
        adapted = _GPU_ADAPTERS if resources.lora is not None else _GPU_WHOLE
        memory = _PROCESS + weights * _ON_GPU + images
        gpu_memory = _GPU_CONTEXT + weights * adapted + round(_GPU_WORK_SPACE * activations)
    else:
        memory = _PROCESS + weights * (_ADAPTERS if resources.lora is not None else _WHOLE) + activations + images
        gpu_memory = 0
    rate = _GPU_RATE if on_gpu else _CPU_RATE * max(1, threads)
    work = iterations * _PASSES * pixels * resources.accumulation * _multiplications(config.architecture)
    if settings.has_student:  # after the adaptation, whose memory is free by then
        student, student_pixels = _student(settings, config, on_gpu)
        student_images = student_pixels * 2 * (3 * 4 + 8 + 3 + 4 * len(config.label_set))
        memory = max(memory, _PROCESS + student_images + (student.weights * _ON_GPU if on_gpu else student.memory))
        gpu_memory = max(gpu_memory, _GPU_CONTEXT + student.memory) if on_gpu else 0
        work += (settings.distillation.iterations or iterations) * student.multiplications
    return JobCost(memory, gpu_memory, work / rate)


def student_room(settings: JobSettings, config: ModelConfig, frames: int) -> int:
    """Bytes of disk that a job's student takes, and what its teacher says about so many frames.

    Args:
        settings: of a job with a student.
        config: of the network that is adapted.
        frames: of the target.
    """
    rows, columns = config.input_size
    labels = frames * len(config.label_set) * rows * columns * settings.limits.enlargement**2 / 4
    return round(labels) + _student(settings, config, False)[0].weights * _STUDENT_DISK


def _student(settings: JobSettings, config: ModelConfig, on_gpu: bool) -> tuple[StudentCost, int]:
    """What a job's student takes, and the pixels of its batches."""
    learning, choice = settings.distillation, choose_student(settings.student)
    student = student_config(choice, config, (learning.height, learning.width), choice.name, config.modality)
    view = learning.crops(student.input_size)
    pixels = view.batch_size * view.crop_height * view.crop_width
    value = 2 if on_gpu and learning.precision != "float32" else 4
    return student_cost(student.architecture, len(config.label_set), pixels, value), pixels


def in_words(seconds: float) -> str:
    """A duration for a person, such as "3 h"."""
    for unit, length in (("years", 31_557_600), ("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(1, round(seconds))} s"


def _levels(architecture: Architecture) -> list[tuple[float, int, float, bool]]:
    """Residual blocks of the parts that a gradient goes through: (blocks, channels, stride, whether of the UNet)."""
    vae, unet = architecture.vae_block_out_channels, architecture.unet_block_out_channels
    latent = architecture.latent_stride
    levels = [(architecture.vae_layers_per_block + 1.0, width, 2.0**level, False) for level, width in enumerate(vae)]
    levels.append((2.0, vae[-1], latent, False))
    for level, (width, kind) in enumerate(zip(unet, architecture.unet_down_block_types)):
        down, up = architecture.unet_layers_per_block, architecture.unet_layers_per_block + 1
        attention = _ATTENTION_BLOCKS * (down + up) if "CrossAttn" in kind else 0.0
        # Half as wide again on the way up: skips come beside.
        levels.append((down + 1.5 * up + attention, width, latent * 2.0**level, True))
    levels.append((2 + _ATTENTION_BLOCKS, unet[-1], latent * 8.0, True))
    levels.append((0.5, architecture.projection_bottleneck, 1.0, False))
    levels.append((_HEAD_BLOCKS, architecture.head_channels, architecture.head_stride, False))
    return levels


def _kept_values(config: ModelConfig, checkpointing: bool) -> float:
    """Values a pixel of the crop that one pass keeps for its backward pass."""
    blocks = sum(
        number * width / stride**2 * (0.15 if of_unet and checkpointing else 1)
        for number, width, stride, of_unet in _levels(config.architecture)
    )
    return _BLOCK_VALUES * blocks + _LOGIT_VALUES * len(config.label_set)


def _multiplications(architecture: Architecture) -> float:
    """Multiplications a pixel of the crop in one forward pass: two 3x3 convolutions a block."""
    return sum(number * 18 * width**2 / stride**2 for number, width, stride, _ in _levels(architecture))
