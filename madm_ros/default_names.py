# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Names that nodes and launch files have in common unless told otherwise."""

from __future__ import annotations

from pathlib import Path

NAMESPACE = "madm"
"""Of the nodes unless told otherwise."""
ADAPTED_MODALITIES = ("thermal", "depth", "event")
"""What a launch file and an adaptation server can be for."""
DECODED_TRANSPORTS = ("raw", "compressed", "compressedDepth")
"""Transports of images that are decoded here."""
_PLUGIN_TRANSPORTS = ("ffmpeg", "theora", "zstd")
"""Those that image_transport's plugins decode, where image_transport_py is installed."""
TRANSPORT_SUFFIX = {name: "" if name == "raw" else f"/{name}" for name in (*DECODED_TRANSPORTS, *_PLUGIN_TRANSPORTS)}
"""Transport -> what image_transport appends to the image topic."""


def default_store(modality: str, namespace: str = NAMESPACE) -> Path:
    """~/.madm/MODALITY, and ~/.madm/NAMESPACE/MODALITY where the nodes have a namespace of their own.

    Args:
        modality: thermal, depth or event.
        namespace: of the nodes, with or without slashes around it.
    """
    return _madm_folder(namespace) / modality


def default_recordings(name: str, namespace: str = NAMESPACE) -> Path:
    """~/.madm/recordings/NAME, with the namespace in it as in `default_store`.

    Args:
        name: of the recorder.
        namespace: of the nodes, with or without slashes around it.
    """
    return _madm_folder(namespace) / "recordings" / name


def _madm_folder(namespace: str) -> Path:
    inner = namespace.strip("/")
    return Path.home() / ".madm" / ("" if inner in ("", NAMESPACE) else inner)


def edges_name(name: str) -> str:
    """Name of the event frame node beside a segmentation node: front_edges beside front_seg or front."""
    return f"{name.removesuffix('_seg')}_edges"
