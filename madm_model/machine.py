"""The machine in words, to stand beside measured numbers."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def describe_machine(device: torch.device) -> str:
    """Processor or GPU, threads, and torch's version."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    elif cpuinfo.exists():
        models = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    threads = "" if device.type == "cuda" else f", {torch.get_num_threads()} of {os.cpu_count()} CPU threads"
    return f"{name}{threads}, torch {torch.__version__}"
