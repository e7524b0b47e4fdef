# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Several processes that train together, as accelerate starts them."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accelerate.utils  # noqa: F401 (once, for all processes)
import torch


def run_processes(count: int, folder: Path, work: Callable[[], Any]) -> list[Any]:
    """What every process of a training told. They are forks of this one, which has all imported that they need.

    Args:
        count: how many processes.
        folder: for what they tell.
        work: called in each of them, where `launched_processes` knows the others; gives plain data.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        multiprocessing.get_context("fork").Process(
            target=_run_one,
            args=(common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, folder / f"{rank}.json", work),
        )
        for rank in range(count)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(300)
        process.kill()  # where it still runs
    assert [process.exitcode for process in started] == [0] * count
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(count)]


def _run_one(environment: dict[str, str], out: Path, work: Callable[[], Any]) -> None:
    torch.set_num_threads(1)  # threads do not survive a fork
    os.environ.update(environment, ACCELERATE_USE_CPU="true")
    out.write_text(json.dumps(work()))
