"""One training stage: a resumable loop around a step function.

Every random number of an iteration comes from `(seed, iteration)`, so a stage that was stopped and
resumed computes what the unbroken one would have: no generator state has to be saved.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from madm_model.training.optimizer import OptimizerConfig, build_optimizer, clip_gradient, learning_rate_factor


@dataclass(frozen=True)
class StageConfig:
    """Length and rhythm of one stage."""

    name: str
    """Names the checkpoint and log files."""
    iterations: int
    """Optimiser steps."""
    optimizer: OptimizerConfig
    """Learning rate, decay, clipping and schedule."""
    seed: int
    """Seeds batches, noise and augmentation."""
    checkpoint_every: int = 250
    """Iterations between two checkpoints."""
    log_every: int = 50
    """Iterations between two lines of the log."""

    def __post_init__(self) -> None:
        if min(self.iterations, self.checkpoint_every, self.log_every) < 1:
            raise ValueError("iterations, checkpoint_every and log_every must be at least 1")


Step = Callable[[int], dict[str, torch.Tensor]]
"""Computes the named losses of an iteration; their sum is minimised."""


def run_stage(config: StageConfig, modules: nn.Module, step: Step, work_dir: Path, console: Console) -> float:
    """Train the trainable parameters of `modules` until the stage's last iteration.

    Args:
        config: length, schedule and seed.
        modules: what is saved in checkpoints; parameters with `requires_grad` are trained.
        step: computes the losses of an iteration.
        work_dir: gets `NAME.pt` (checkpoint) and `NAME.csv` (losses, gradient norm, seconds).
        console: prints progress.

    Returns:
        seconds of training, earlier runs of the same stage included.
    """
    checkpoint = work_dir / f"{config.name}.pt"
    optimizer = build_optimizer(modules, config.optimizer)
    first, seconds_before = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        modules.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        first, seconds_before = state["iteration"], state["seconds"]
        console.print(f"{config.name}: resuming at iteration {first} of {config.iterations}")

    started = time.monotonic()
    for iteration in range(first, config.iterations):
        for group in optimizer.param_groups:
            factor = learning_rate_factor(iteration, config.iterations, config.optimizer)
            group["lr"] = config.optimizer.learning_rate * factor
        torch.manual_seed(config.seed * 1_000_003 + iteration)
        losses = step(iteration)
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        gradient_norm = clip_gradient(optimizer, config.optimizer)
        optimizer.step()

        done = iteration + 1
        seconds = seconds_before + time.monotonic() - started
        if done % config.log_every == 0 or done == config.iterations:
            row = {"iteration": done, "seconds": round(seconds, 1), "gradient_norm": round(gradient_norm, 4)}
            row |= {name: round(loss.item(), 5) for name, loss in losses.items()}
            _log(work_dir / f"{config.name}.csv", row, fresh=done <= config.log_every)
            console.print(f"{config.name} " + " ".join(f"{key}={value}" for key, value in row.items()))
        if done % config.checkpoint_every == 0 or done == config.iterations:
            state = {
                "modules": modules.state_dict(),
                "optimizer": optimizer.state_dict(),
                "iteration": done,
                "seconds": seconds,
            }
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
    return seconds_before + time.monotonic() - started


def _log(path: Path, row: dict[str, float], fresh: bool) -> None:
    with path.open("w" if fresh else "a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
