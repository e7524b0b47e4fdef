"""The room a job needs, and what it leaves to others."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from adaptation_samples import Run

from madm_model import segmenter
from madm_model.adaptation import job_room
from madm_model.io.frames import InputError


def test_adapters_and_a_gpu_need_less_room(store, request_, tmp_path, monkeypatch) -> None:
    base = tmp_path / "large"
    base.mkdir()
    with (base / "model.safetensors").open("wb") as file:
        file.truncate(2_000_000_000)  # weights of half precision; takes no disk

    def memory_of(adapters: bool, on_gpu: bool) -> int:
        monkeypatch.setattr(job_room, "available_memory", lambda: 0)
        with pytest.raises(InputError, match="of memory are free") as error:
            job_room.check_room(tmp_path, base, 0, adapters, on_gpu)
        return int(re.search(r"needs about (\d+) MB", str(error.value))[1])

    assert [memory_of(*case) for case in ((False, False), (True, False), (True, True))] == [25_000, 15_000, 9_000]


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
    monkeypatch.setattr(segmenter, "choose_device", torch.device)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *share: shares.append(share))
    assert job_room.prepare_device(name, 0, 0.4) == torch.device(name)
    assert shares == [(0.4, index)]
    job_room.prepare_device(name, 0, 1.0)
    assert len(shares) == 1
