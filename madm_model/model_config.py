# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a model folder says about its model: `config.json`, read and written."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madm_model.architecture import Architecture
from madm_model.io.json_files import read_object
from madm_model.io.limits import MAX_PIXELS
from madm_model.labels import LabelSet
from madm_model.students.architecture import SegformerArchitecture, StudentArchitecture, SwiftNetArchitecture

MODALITIES = ("rgb", "thermal", "depth", "event")

CONFIG_FILE = "config.json"
EMBEDDED_WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the models that come with the package."""
FORMAT_VERSION = 1

_ARCHITECTURES: dict[str, type[Architecture | StudentArchitecture]] = {
    kind.network: kind for kind in (Architecture, SwiftNetArchitecture, SegformerArchitecture)
}


class ModelError(Exception):
    """A model folder or checkpoint cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything about a model but its weights."""

    name: str
    """Model id, published in diagnostics and reports."""
    architecture: Architecture | StudentArchitecture
    """Sizes of the network, and by their type which network it is: MADM or a student."""
    label_set: LabelSet
    """Class names and palette, in the order of the output channels."""
    modality: str
    """The modality it was trained for: rgb, thermal, depth or event."""
    input_size: tuple[int, int]
    """Height and width the network sees, in pixels; with `keep_aspect`, their product is what counts."""
    keep_aspect: bool
    """False: every image is stretched to `input_size`, as officially (specification section 17.1).
    True: an image keeps its aspect ratio and is scaled to about the area of `input_size`."""
    input_range: tuple[float, float] = (0.0, 255.0)
    """Pixel values that map to -1 and 1 at the network's input."""
    class_bias: tuple[float, ...] = ()
    """What logit adjustment has added to the bias of each class in the weights, in nats; empty: nothing."""

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise ModelError(f"unknown modality '{self.modality}': use one of {', '.join(MODALITIES)}")
        multiple = self.architecture.size_multiple
        if any(side <= 0 or side % multiple for side in self.input_size):
            raise ModelError(f"input_size {self.input_size} must be positive multiples of {multiple}")
        if self.input_size[0] * self.input_size[1] > MAX_PIXELS:
            raise ModelError(f"input_size {self.input_size} has more than {MAX_PIXELS} pixels")
        low, high = self.input_range
        if not -math.inf < low < high < math.inf:
            raise ModelError(f"input_range {self.input_range} must be two finite values, the lower one first")
        finite = all(map(math.isfinite, self.class_bias))
        if self.class_bias and not (finite and len(self.class_bias) == len(self.label_set)):
            raise ModelError(f"class_bias {self.class_bias} must be one finite number for each class, or empty")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for config.json."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "modality": self.modality,
            "classes": list(self.label_set.names),
            "palette": [list(colour) for colour in self.label_set.palette],
            "not_scored": list(self.label_set.not_scored),
            "input_size": list(self.input_size),
            "keep_aspect": self.keep_aspect,
            "input_range": list(self.input_range),
            **({"class_bias": list(self.class_bias)} if self.class_bias else {}),
            "network": self.architecture.network,
            "architecture": self.architecture.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelConfig:
        """Read back what `to_dict` wrote.

        Raises:
            ModelError: a field is missing or has a wrong value.
        """
        if data.get("format_version") != FORMAT_VERSION:
            raise ModelError(f"format_version is {data.get('format_version')!r}, this release reads {FORMAT_VERSION}")
        network = str(data.get("network", Architecture.network))  # older folders name none
        if network not in _ARCHITECTURES:
            raise ModelError(f"network '{network}' is unknown here: this release has {', '.join(_ARCHITECTURES)}")
        try:
            return cls(
                name=str(data["name"]),
                architecture=_ARCHITECTURES[network].from_dict(data["architecture"]),
                label_set=LabelSet(
                    tuple(data["classes"]),
                    tuple(tuple(colour) for colour in data["palette"]),
                    tuple(data.get("not_scored", ())),  # older folders name none
                ),
                modality=data["modality"],
                input_size=(int(data["input_size"][0]), int(data["input_size"][1])),
                keep_aspect=bool(data["keep_aspect"]),
                input_range=(float(data["input_range"][0]), float(data["input_range"][1])),
                class_bias=tuple(map(float, data.get("class_bias", ()))),  # older folders name none
            )
        except KeyError as error:
            raise ModelError(f"field {error} is missing") from None
        except (TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
            raise ModelError(str(error)) from None

    def save(self, folder: Path) -> None:
        """Write config.json into the folder."""
        (folder / CONFIG_FILE).write_text(json.dumps(self.to_dict(), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> ModelConfig:
        """Read config.json of a model folder.

        Raises:
            ModelError: the file is missing, is not JSON, or describes no valid model.
        """
        path = Path(folder) / CONFIG_FILE
        try:
            return cls.from_dict(read_object(path))
        except FileNotFoundError:
            raise ModelError(f"{folder} is not a model folder: it has no {CONFIG_FILE}") from None
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from None
        except ValueError as error:
            raise ModelError(f"{path} is not valid JSON ({error})") from None
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from None


def network_size(config: ModelConfig, height: int, width: int) -> tuple[int, int]:
    """Height and width at which the network sees an image of the given size.

    `config.input_size`, or with `keep_aspect` the image's aspect ratio at about that area; both are multiples of
    the architecture's `size_multiple`.
    """
    if not config.keep_aspect:
        return config.input_size
    multiple = config.architecture.size_multiple
    area = config.input_size[0] * config.input_size[1]
    scale = math.sqrt(area / (height * width))
    longest = area // multiple  # of a very thin image, whose short side is widened to one multiple
    rows, columns = (round(min(side * scale, longest) / multiple) * multiple for side in (height, width))
    return max(rows, multiple), max(columns, multiple)


def magnification(config: ModelConfig, height: int, width: int) -> float:
    """How much larger than it is the network sees an image of the given size: lengths, not areas."""
    rows, columns = network_size(config, height, width)
    return math.sqrt(rows * columns / (height * width))
