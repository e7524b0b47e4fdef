# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a CUDA GPU has to do as a CPU does. Skipped where there is none; nothing else in the tests needs one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from adaptation_samples import MINIATURE, SMALL_STUDENT, Run
from runtime_samples import save

from madm_model.checkpoint.model_folder import load_model
from madm_model.model_config import ModelError
from madm_model.segmenter import Segmenter
from madm_model.simulator import sample_frame
from madm_model.students.architecture import STUDENTS, SwiftNetArchitecture

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU is here")

SWIFTNET = SwiftNetArchitecture("small", (8, 8, 8, 8), (1, 1, 1, 1), 8)
IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)
STUDENT = {"student": "small", "distillation.view.batch_size": "2", "distillation.iterations": "2"}


@pytest.mark.parametrize("timestep", [0, 60])
def test_the_network_computes_what_it_does_on_a_cpu(tmp_path: Path, timestep: int) -> None:
    save(tmp_path, MINIATURE)
    image = torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float() / 127.5 - 1
    outputs = []
    for device in ("cpu", "cuda"):
        network = load_model(tmp_path, torch.device(device))[0].eval()
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            outputs.append(network(image.to(device), timestep))
    for name in ("logits", "latent", "decoded"):
        one, other = (getattr(output, name).float().cpu() for output in outputs)
        assert (one - other).abs().max() < 1e-3, name


@pytest.mark.parametrize(
    ("runtime", "dtype"),
    [("torch", "float32"), ("torch", "float16"), ("torch", "bfloat16"), ("compiled", "float16"), ("compiled", "auto")],
)
@pytest.mark.parametrize("architecture", [MINIATURE, SWIFTNET], ids=lambda architecture: architecture.name)
def test_labels_are_those_of_a_cpu(tmp_path: Path, architecture, runtime: str, dtype: str) -> None:
    save(tmp_path, architecture)
    expected = Segmenter.from_folder(tmp_path, "cpu").segment([IMAGE])[0].labels
    segmenter = Segmenter.from_folder(tmp_path, "cuda", dtype, runtime)
    for batch in (1, 3, 1):  # of another size, then of the first again
        for result in segmenter.segment([IMAGE] * batch):
            assert np.mean(result.labels == expected) > (0.99 if dtype == "float32" else 0.95)
    segmenter.close()


@pytest.mark.parametrize("model", ["tiny-thermal", "student-thermal"])
def test_the_shipped_models_label_a_street_as_on_a_cpu(model: str) -> None:
    image = sample_frame(5).rgb
    one, other = (Segmenter.from_folder(model, device).segment([image])[0] for device in ("cpu", "auto"))
    assert np.mean(one.labels == other.labels) > 0.985
    assert np.mean(np.abs(one.confidence.astype(int) - other.confidence)) < 4


def test_a_closed_model_leaves_the_gpus_memory(tmp_path: Path) -> None:
    save(tmp_path, MINIATURE)
    taken = []
    for _ in range(2):  # the libraries' own workspace comes with the first
        segmenter = Segmenter.from_folder(tmp_path, "cuda")
        segmenter.segment([IMAGE])
        while_open = torch.cuda.memory_allocated()
        segmenter.close()
        taken.append(torch.cuda.memory_allocated())
        assert taken[-1] < while_open
    assert taken[1] <= taken[0]


def test_onnx_runs_there_or_says_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    save(tmp_path, SWIFTNET)
    expected = Segmenter.from_folder(tmp_path, "cpu").segment([IMAGE])[0].labels
    try:
        segmenter = Segmenter.from_folder(tmp_path, "cuda", "float32", "onnx")
        labels = segmenter.segment([IMAGE])[0].labels
    except ModelError as error:
        assert "onnxruntime" in str(error)
        return
    assert np.mean(labels == expected) > 0.999


@pytest.mark.parametrize("options", [{}, {"precision": "float32"}, {"precision": "float16"}], ids=str)
def test_a_job_makes_a_version(store, request_, options: dict[str, str]) -> None:
    run = Run(store, replace(request_, device="cuda", options={**request_.options, **options}))
    assert run() == "activated", run.of("state")[-1]["message"]
    assert store.read().active == "v0001"


def test_a_job_with_a_student_goes_on_after_a_stop(store, request_, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STUDENTS, "small", SMALL_STUDENT)
    run = Run(store, replace(request_, device="cuda", options={**request_.options, **STUDENT}))
    run.stop_after = 4  # one iteration of the student's
    assert run() == "canceled"
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "activated", resumed.of("state")[-1]["message"]
    assert [event["iteration"] for event in resumed.of("progress")] == [2]
    Segmenter.from_folder(store.read().folder, "cuda").segment([IMAGE])
