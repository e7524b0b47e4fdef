# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The room a job needs, and what it leaves to others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from adaptation_samples import Run

from madm_model import placement
from madm_model.io.frames import InputError
from madm_model.jobs import room as job_room


def test_adapters_need_less_disk(tmp_path, monkeypatch) -> None:
    base = tmp_path / "large"
    base.mkdir()
    with (base / "model.safetensors").open("wb") as file:
        file.truncate(2_000_000_000)  # weights of half precision; takes no disk

    def disk_of(*what: object) -> int:
        monkeypatch.setattr(job_room.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1000))
        with pytest.raises(InputError, match="has 0 MB free") as error:
            job_room.check_room(tmp_path, base, 0, *what)
        return int(re.search(r"needs about (\d+) MB", str(error.value))[1])

    assert [disk_of(adapters) for adapters in (False, True)] == [56_000, 8_000]
    assert disk_of(False, 3) == 68_000  # earlier states are float32
    assert disk_of(False, 3, True) == 80_000


def test_a_process_fails_where_it_would_take_more_than_its_limit() -> None:
    program = (
        "import numpy; from madm_model.io.durable import is_out_of_memory\n"
        "from madm_model.jobs.room import memory_limit\n"
        "with memory_limit(200_000_000):\n"
        "    small = numpy.ones(100_000_000, numpy.uint8)\n"
        "    try: numpy.ones(200_000_000, numpy.uint8)\n"
        "    except MemoryError as error: print(is_out_of_memory(error))\n"
        "numpy.ones(200_000_000, numpy.uint8)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


def test_a_job_steps_back_for_others(store, request_) -> None:
    niceness, score = os.nice(0), Path("/proc/self/oom_score_adj")
    run = Run(store, replace(request_, niceness=7))
    pipe, end = os.pipe()
    child = os.fork()
    if not child:
        try:
            job_room.step_back(run.folder.request().niceness)
            os.write(end, f"{os.nice(0)} {score.read_text() if score.exists() else 500}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(pipe, 100).decode().split() == [str(min(19, niceness + 7)), "500"]


@pytest.mark.parametrize(("name", "index"), [("cuda", 3), ("cuda:1", 1)])
def test_a_share_of_the_gpu_is_that_of_the_one_which_is_used(monkeypatch, name, index) -> None:
    shares = []
    monkeypatch.setattr(placement, "choose_device", torch.device)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *share: shares.append(share))
    assert job_room.prepare_device(name, 0, 0.4) == torch.device(name)
    assert shares == [(0.4, index)]
    job_room.prepare_device(name, 0, 1.0)
    assert len(shares) == 1
