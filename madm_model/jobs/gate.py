# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The gate: may a new version take the place of the running one?

Both versions label the same target frames, which were held out of training, and the same held-out source frames. There
is no target label, so nothing here is accuracy on the target. What it can see: a network that lost classes, that
contradicts the averaged opinion of its own teacher, that flickers more than the running one, that became unsure, or
that forgot its source; and that lost a class which must not be lost (`gate_classes`). What it cannot see: a mistake
that teacher and student share and hold steadily, such as one class being taken for another in every frame; confidence
that is not deserved; and anything that the held-out frames, the last part of each bag, do not show. A version that
passes is not proven better; one that fails is worth a look before it drives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field

from madm_model.jobs.gate_classes import ClassMeasures, LabelledMeasures
from madm_model.jobs.gate_measures import effective_classes
from madm_model.labels import LabelSet
from madm_model.settings import settings

_Share = Annotated[float, Field(ge=0, le=1)]

PROTECTED = "person", "vehicle"
"""Classes that must not be lost, unless others are named."""


@settings
class GateConfig:
    """How far a new version may fall behind the running one."""

    frames: Annotated[int, Field(ge=2, le=10_000)] = 32
    """Target frames that are looked at, at most."""
    agreement_drop: _Share = 0.05
    """Share of pixels agreeing with the teacher ensemble: largest loss."""
    confidence_drop: _Share = 0.15
    """Mean confidence: largest loss."""
    class_ratio: _Share = 0.5
    """Effective number of classes (exponential of the histogram's entropy): smallest ratio to the running one's."""
    largest_class: _Share = 0.95
    """Share of pixels that one class may have, unless it has it in the running version too."""
    temporal_drop: _Share = 0.05
    """Share of pixels that keep their class from frame to frame: largest loss."""
    source_miou_drop: _Share = 0.05
    """mIoU on held-out source frames: largest loss."""
    protect: tuple[str, ...] = PROTECTED
    """Classes that must not be lost: each has checks of its own. Those of the default that a model lacks are passed
    over; an empty name stands for none."""
    sure_confidence: _Share = 0.8
    """Confidence from which the running version is sure of a pixel."""
    smallest_region: _Share = 0.0003
    """Share of a frame from which a connected region of a protected class counts."""
    fewest_regions: Annotated[int, Field(ge=1, le=10_000)] = 5
    """A protected class of which the running version shows fewer regions in all is not checked by itself."""
    pixel_ratio: _Share = 0.7
    """Pixels of a protected class: smallest ratio to the running version's."""
    pixel_growth: Annotated[float, Field(ge=1, le=1000)] = 3.0
    """Pixels of a protected class: largest ratio to the running version's."""
    region_ratio: _Share = 0.5
    """Connected regions of a protected class: smallest ratio to the running version's."""
    size_ratio: _Share = 0.0
    """Median size of these regions: smallest ratio to the running version's."""
    kept_share: _Share = 0.6
    """Pixels of a protected class that the running version is sure of: smallest share that keeps it."""
    found_share: _Share = 0.6
    """Regions that it is sure of: smallest share of which a quarter keeps the class."""
    ensemble_drop: _Share = 0.2
    """IoU of a protected class with the teacher ensemble, where the running version is sure: largest loss."""
    class_source_drop: _Share = 0.15
    """IoU of a protected class on held-out source frames: largest loss."""
    labelled_drop: _Share = 0.0
    """IoU of a protected class, and mIoU, on labelled target frames, where there are any: largest loss."""
    activation_iterations: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """A version of fewer optimiser steps is not made active by itself: nothing has been learned yet."""
    activation_frames: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """A version of fewer different target frames is not made active by itself: it has not seen the sensor yet."""

    def protected(self, label_set: LabelSet) -> dict[str, int]:
        """Name and id of the classes that must not be lost.

        Raises:
            ValueError: the model has no such class, and it is none of the default either.
        """
        names = dict.fromkeys(name for name in self.protect if name)
        unknown = [name for name in names if name not in (*label_set.names, *PROTECTED)]
        if unknown:
            raise ValueError(f"protect names '{unknown[0]}', but the model's classes are {', '.join(label_set.names)}")
        return {name: label_set.names.index(name) for name in names if name in label_set.names}

    def too_little(self, iterations: int, frames: int | None = None) -> str:
        """Why a version of so few iterations or target frames is not made active by itself; empty if it may be."""
        if iterations < self.activation_iterations:
            return f"{iterations} iterations are fewer than {self.activation_iterations}"
        if frames is not None and frames < self.activation_frames:
            return f"{frames} different target frames are fewer than {self.activation_frames}"
        return ""


@dataclass(frozen=True)
class Measures:
    """What is measured of one version. Shares, 0 to 1; NaN where there was nothing to measure."""

    agreement: float
    """Pixels of the target labelled as the teacher ensemble does."""
    confidence: float
    """Mean confidence on the target."""
    histogram: tuple[float, ...]
    """Share of the target's pixels per class."""
    temporal: float
    """Pixels whose class follows them from one target frame to the next."""
    source_miou: float
    """mIoU on held-out source frames."""
    finite: float = 1.0
    """Frames whose class scores are finite in the number format that runs."""
    protected: Mapping[str, ClassMeasures] = field(default_factory=dict)
    """Classes that must not be lost, by name."""
    labelled: LabelledMeasures | None = None
    """Scores on labelled target frames, where there are any."""


@dataclass(frozen=True)
class Check:
    """One row of the gate's tables."""

    name: str
    """What is checked."""
    running: float
    new: float
    limit: float
    """The new version's value has to reach it, or stay below where a value can be too large."""
    passed: bool
    meaning: str
    class_name: str = ""
    """The protected class that is checked; empty: the version as a whole."""

    @property
    def text(self) -> str:
        """What is wrong, if it did not pass."""
        if not self.class_name:
            return f"{self.name} is {self.new:.3f}, limit {self.limit:.3f}"
        new, running, limit = (f"{value:.3g}" for value in (self.new, self.running, self.limit))
        return f"{self.class_name}: {self.name} {new}, was {running}, limit {limit}"


@dataclass(frozen=True)
class GateResult:
    """The gate's verdict."""

    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    """What could not be checked, and why."""

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """Which checks failed, in one sentence; empty if none did."""
        return "; ".join(check.text for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for version.json."""
        checks = [asdict(check) for check in self.checks]
        return {"passed": self.passed, "reason": self.reason, "checks": checks, "notes": list(self.notes)}


def decide(running: Measures, new: Measures, config: GateConfig) -> GateResult:
    """Compare two versions. A value that could not be measured for either version is not checked.

    Labelled target frames come first: a protected class that they show is judged by them, and not by what stands in for
    labels.
    """
    classes, running_classes = effective_classes(new.histogram), effective_classes(running.histogram)
    largest, running_largest = max(new.histogram), max(running.histogram)
    by_labels = running.labelled.class_iou if running.labelled else {}
    rows: tuple[Check, ...] = (
        *_labelled_checks(running.labelled, new.labelled, config),
        _at_least(
            "agreement",
            running.agreement,
            new.agreement,
            running.agreement - config.agreement_drop,
            "share of target pixels labelled as the teacher ensemble does",
        ),
        _at_least(
            "confidence",
            running.confidence,
            new.confidence,
            running.confidence - config.confidence_drop,
            "mean confidence on target frames",
        ),
        _at_least(
            "classes",
            running_classes,
            classes,
            running_classes * config.class_ratio,
            "effective number of classes on target frames",
        ),
        Check(
            "largest class",
            running_largest,
            largest,
            limit := max(config.largest_class, running_largest),
            largest <= limit,
            "share of target pixels of the commonest class",
        ),
        _at_least(
            "temporal consistency",
            running.temporal,
            new.temporal,
            running.temporal - config.temporal_drop,
            "share of moving-along pixels that keep their class to the next frame",
        ),
        _at_least(
            "source mIoU",
            running.source_miou,
            new.source_miou,
            running.source_miou - config.source_miou_drop,
            "mIoU on labelled source frames that were not trained on",
        ),
        _at_least(
            "finite scores",
            running.finite,
            new.finite,
            1.0,
            "share of frames whose class scores are finite in the number format that runs",
        ),
    )
    rows += tuple(
        replace(check, class_name=name)
        for name, measured in running.protected.items()
        if measured.regions >= config.fewest_regions and name not in by_labels
        for check in _class_checks(measured, new.protected[name], config)
    )
    notes = (
        f"{name} is not checked by itself: the running version shows {measured.regions} regions of it in the frames "
        f"that are looked at, fewer than {config.fewest_regions}"
        for name, measured in running.protected.items()
        if measured.regions < config.fewest_regions and name not in by_labels
    )
    return GateResult(tuple(check for check in rows if not math.isnan(check.limit)), tuple(notes))


def _labelled_checks(
    running: LabelledMeasures | None, new: LabelledMeasures | None, config: GateConfig
) -> Iterator[Check]:
    """What labelled target frames say, if there are any."""
    if running is None or new is None:
        return
    for name, value in running.class_iou.items():
        check = _at_least(
            *("labelled IoU", value, new.class_iou[name], value - config.labelled_drop),
            "IoU on the labelled target frames",
        )
        yield replace(check, class_name=name)
    yield _at_least(
        *("labelled mIoU", running.miou, new.miou, running.miou - config.labelled_drop),
        "mIoU on the labelled target frames",
    )


def _class_checks(running: ClassMeasures, new: ClassMeasures, config: GateConfig) -> Iterator[Check]:
    """What a protected class must not lose; see `GateConfig`."""
    share = "share of target pixels"
    yield _at_least("pixels", running.share, new.share, config.pixel_ratio * running.share, share)
    most = config.pixel_growth * running.share
    yield Check("pixels at most", running.share, new.share, most, new.share <= most, share)
    least = config.region_ratio * running.regions
    yield _at_least("regions", running.regions, new.regions, least, "connected regions in all frames")
    meaning = "median size of these regions, as a share of the frame"
    yield _at_least("region size", running.size, new.size, config.size_ratio * running.size, meaning)
    meaning = "share that keeps the class, of the pixels that the running version surely labels so"
    yield _at_least("sure pixels kept", running.kept, new.kept, config.kept_share * running.kept, meaning)
    meaning = "share of its sure regions of which a quarter or more keeps the class"
    yield _at_least("sure regions found", running.found, new.found, config.found_share * running.found, meaning)
    meaning = "IoU with the teacher ensemble, where the running version is sure"
    yield _at_least("agreement", running.ensemble, new.ensemble, running.ensemble - config.ensemble_drop, meaning)
    meaning = "IoU on labelled source frames that were not trained on"
    least = running.source_iou - config.class_source_drop
    yield _at_least("source IoU", running.source_iou, new.source_iou, least, meaning)


def _at_least(name: str, running: float, new: float, limit: float, meaning: str) -> Check:
    # A new version that cannot be measured where the running one can has failed.
    return Check(name, running, new, limit, new >= limit, meaning)
