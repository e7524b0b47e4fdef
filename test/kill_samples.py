"""Child processes that tests kill: forked from a server that has imported what is slow to import."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_PRELOADED = ["pytest", "madm_model.adaptation.job", "madm_ros.segmentation_node"]


def start_child(target: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Run a function of a test module in a child; returns when it is about to be called."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)  # where ROS is not installed, the last one is left out
    begun = context.Event()
    child = context.Process(target=_announce, args=(begun, target, *arguments))
    child.start()
    assert begun.wait(120)
    return child


def kill_after(child: BaseProcess, seconds: float) -> bool:
    """SIGKILL it after a while; False if it had ended before."""
    time.sleep(seconds)
    child.kill()  # does nothing where it has ended
    child.join()
    return child.exitcode == -signal.SIGKILL


def run_job(store_root: Path, job_id: str) -> None:
    """A job as its process runs it; for `start_child`."""
    import torch

    from madm_model.adaptation.job import AdaptationJob

    torch.set_num_threads(1)
    AdaptationJob(store_root, job_id, lambda event: None, lambda: False).run()


def _announce(begun: Any, target: Callable[..., object], *arguments: Any) -> None:
    begun.set()
    target(*arguments)
