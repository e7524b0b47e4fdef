# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Compare this network with the official one's reference outputs.

    python test/check_parity.py MANIFEST NPZ

MANIFEST (*.manifest.json) names the tensors of an official checkpoint; seeded.py beside it defines their values.
NPZ holds what the official network computes from them. The weights go through the importer, the input through a clean
pass (timestep 0) and a teacher's pass (timestep 60). Exit status 0: every difference is below 1e-3.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

# The script also runs in a checkout whose packages are not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from madm_model.architecture import SD14
from madm_model.checkpoint.official import import_checkpoint

TOLERANCE = 1e-3

SMALL = replace(
    SD14,
    name="parity-small",
    unet_block_out_channels=(32, 64, 128, 128),
    unet_attention_heads=4,
    unet_norm_num_groups=16,
    cross_attention_dim=32,
    vae_block_out_channels=(16, 32, 32, 32),
    vae_layers_per_block=1,
    vae_norm_num_groups=8,
    projection_bottleneck=32,
    projection_out=(32, 64, 64, 64),
    head_channels=32,
)
"""The reference network with narrow layers."""

ARCHITECTURES = {"small": SMALL, "full": SD14}


def largest_differences(manifest_path: Path, reference_path: Path) -> dict[str, float]:
    """Largest absolute difference per array of the reference (t0_logits, t0_latent, ..., t60_decoded)."""
    seeded = _import_seeded(manifest_path.parent / "seeded.py")
    manifest = json.loads(manifest_path.read_text())
    # One tensor at a time, because NumPy computes them in double precision: the full network would take 8 GB.
    tensors = {
        entry["key"]: torch.from_numpy(np.asarray(seeded.tensor(**entry, seed=manifest["seed"]), dtype=entry["dtype"]))
        for entry in manifest["tensors"]
    }
    imported = import_checkpoint(tensors, ARCHITECTURES[manifest["kind"]], "event", "parity")
    for warning in imported.warnings:
        print(f"note: {warning}")

    images = torch.from_numpy(seeded.input_image(manifest)) * 2 - 1
    differences = {}
    with np.load(reference_path) as reference:
        for timestep in (0, 60):
            with torch.inference_mode():
                output = imported.network(images, timestep)
            found = {
                "logits": output.logits[0, :, 3::8, 5::8],
                "latent": output.latent[0],
                "decoded": output.decoded[0, :, 3::8, 5::8].clamp(-1, 1),
            }
            for name, values in found.items():
                key = f"t{timestep}_{name}"
                differences[key] = float(np.abs(values.numpy() - reference[key]).max())
    return differences


def _import_seeded(path: Path) -> ModuleType:
    """The reference's seeded.py as a module."""
    spec = importlib.util.spec_from_file_location("seeded", path)
    if spec is None or spec.loader is None or not path.is_file():
        sys.exit(f"error: {path} is missing; it defines the weights")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Print the differences; 0 if all are below the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("reference", type=Path, metavar="npz")
    arguments = parser.parse_args()
    differences = largest_differences(arguments.manifest, arguments.reference)
    for name, difference in differences.items():
        print(f"{name:12s} {difference:.3g}")
    # NaN compares false with everything, so ask for "below", not for "not above".
    return 0 if all(difference < TOLERANCE for difference in differences.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
