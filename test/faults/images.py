# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Image messages of every encoding and transport, damaged: an image, or one clear error."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from image_samples import rvl_of

from faults.bounded import call_each
from faults.bytes import damage_places
from faults.report import Tally
from madm_model.io.frames import FrameError
from madm_model.io.messages import decode
from madm_model.modalities import make_preprocessor

_HEIGHT, _WIDTH = 48, 64
_HEADER = SimpleNamespace(stamp=SimpleNamespace(sec=1, nanosec=2), frame_id="camera")
_ENCODINGS = {
    **{"mono8": "u1", "8UC1": "u1", "mono16": "u2", "16UC1": "u2", "32FC1": "f4"},
    **{"rgb8": "u1", "bgr8": "u1", "rgba8": "u1", "bgra8": "u1"},
}
_NUMBERS = (0, 1, 7, 255, 4096, 70_000, 2**31 - 1, 2**31, 2**32 - 1)
"""What a field of 32 bits is replaced by."""


def run(seed: int, count: int) -> Tally:
    """Damage a message of each kind, in turn."""
    return call_each("images", faults(seed, count), (FrameError,), seconds=20, memory_mb=2048)


def faults(seed: int, count: int) -> Iterator[tuple[str, Callable[..., None], tuple[Any, ...]]]:
    """Each fault in words, and the call that has to survive it: to return, or to end in a `FrameError`."""
    chance = random.Random(seed)
    messages = _messages()
    kinds = list(messages)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        message = SimpleNamespace(**vars(messages[kind]))
        what = ""
        if chance.random() < 0.8:
            what, content = damage_places(message.data.tobytes(), chance)
            message.data = np.frombuffer(content, np.uint8)
        fields = [name for name in ("height", "width", "step", "is_bigendian") if hasattr(message, name)]
        if fields and (not what or chance.random() < 0.5):
            field, value = chance.choice(fields), chance.choice(_NUMBERS)
            setattr(message, field, value)
            what += f"; {field} = {value}"
        text = "format" if hasattr(message, "format") else "encoding"
        if not what or chance.random() < 0.2:
            value = chance.choice([kind for kind in kinds if hasattr(messages[kind], text)])
            setattr(message, text, getattr(messages[value], text))
            what += f"; {text} of {value}"
        yield f"seed {seed}, fault {number}: {kind}, {what}", look_at, (message,)


def look_at(message: Any) -> None:
    """Decode a message and prepare it as the nodes of its kinds do."""
    frame = decode(message)
    if frame.array.shape[:2] != (frame.height, frame.width) or not frame.array.size:
        raise AssertionError(f"an image of shape {frame.array.shape}")
    for modality in ("thermal", "depth", "rgb"):
        try:
            image = make_preprocessor(modality)(frame)
        except FrameError:  # it is not one of this modality
            continue
        if image.dtype != np.uint8 or image.shape != (frame.height, frame.width, 3):
            raise AssertionError(f"{modality} makes an image of {image.dtype} {image.shape}")


def _messages() -> dict[str, SimpleNamespace]:
    """A whole message of each kind."""
    chance = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(chance.uniform(500, 9000, (_HEIGHT, _WIDTH)).astype(np.float32), (0, 0), 4)
    messages = {}
    for encoding, element in _ENCODINGS.items():
        channels = len(encoding) - 1 if encoding[0] in "rb" else 1
        pixels = np.repeat(smooth[..., None], channels, axis=2).astype(element)
        data = np.frombuffer(pixels.tobytes(), np.uint8)
        size = {"height": _HEIGHT, "width": _WIDTH, "step": pixels.nbytes // _HEIGHT}
        messages[encoding] = SimpleNamespace(header=_HEADER, encoding=encoding, is_bigendian=0, data=data, **size)
    deep, flat = smooth.astype(np.uint16), (smooth / 40).astype(np.uint8)
    depth = struct.pack("<iff", 0, 100.0, 10.0)
    rvl = depth + rvl_of(deep)
    compressed = {
        "16UC1; png compressed": _file(".png", deep),
        "mono8; jpeg compressed mono8": _file(".jpg", flat),
        "bgr8; jpeg compressed bgr8": _file(".jpg", cv2.merge([flat, flat, flat])),
        "mono16; tiff compressed": _file(".tiff", deep),
        "mono8; bmp compressed": _file(".bmp", flat),
        "16UC1; compressedDepth png": depth + _file(".png", deep),
        "32FC1; compressedDepth png": depth + _file(".png", deep),
        "16UC1; compressedDepth rvl": rvl,
        "32FC1; compressedDepth rvl": rvl,
    }
    for name, content in compressed.items():
        messages[name] = SimpleNamespace(header=_HEADER, format=name, data=np.frombuffer(content, np.uint8))
    return messages


def _file(suffix: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()
