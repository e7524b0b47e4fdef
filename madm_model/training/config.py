"""Settings of a training. Without PyTorch: whoever only checks them starts at once, and small."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Precision = Literal["float32", "bfloat16", "float16"]
"""Number type of a training's passes."""

POOL_MODALITIES = ("rgb", "thermal", "depth")
"""What pools hold unless told otherwise: one rendered moment gives all three. Event is there for the asking; an edge
frame takes many rendered moments."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Optimiser settings; the defaults are the official ones."""

    learning_rate: float = 5e-6
    """Learning rate of every parameter."""
    weight_decay: float = 0.05
    """Weight decay of all parameters but norms and biases, which have none."""
    gradient_clip: float = 0.01
    """Largest global L2 norm of the gradient."""
    warmup_iterations: int = 28
    """Iterations of linear warm-up, from 0.067 of the learning rate to all of it."""
    steps: tuple[float, ...] = (8889 / 10_000, 9630 / 10_000)
    """Shares of the training after which the learning rate is divided by ten."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or self.gradient_clip <= 0:
            raise ValueError("learning_rate and gradient_clip must be above 0")
        if self.warmup_iterations < 0 or self.weight_decay < 0:
            raise ValueError("warmup_iterations and weight_decay must not be negative")
        if list(self.steps) != sorted(self.steps) or not all(0 < step <= 1 for step in self.steps):
            raise ValueError("steps must be rising shares of the training, above 0 and up to 1")


@dataclass(frozen=True)
class FramePoolConfig:
    """Which simulated streets are rendered."""

    first_seed: int
    """Simulator seed of the first street; the others follow."""
    streets: int
    """Number of streets, each a different place at a different time of day."""
    frames_per_street: int
    """Frames of each street, 1.5 s of driving apart."""
    width: int = 320
    """Frame width in pixels."""
    height: int = 240
    """Frame height in pixels."""
    modalities: tuple[Literal["rgb", "thermal", "depth", "event"], ...] = field(default=POOL_MODALITIES, repr=False)
    """What is kept of each frame besides its labels; not in the text form, as it changes no frame."""

    def __post_init__(self) -> None:
        if not self.modalities or not {*POOL_MODALITIES, "event"}.issuperset(self.modalities):
            raise ValueError(f"modalities is {list(self.modalities)}: name some of rgb, thermal, depth and event")
        if min(self.streets, self.frames_per_street, self.width, self.height) < 1:
            raise ValueError("streets, frames_per_street, width and height must be at least 1")
