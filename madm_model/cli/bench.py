"""`madm bench`: how fast this machine segments, and where the time goes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

SIZES = {"tiny": ((256, 320), (512, 512)), "sd14": ((512, 512),)}
"""Input sizes, height and width, at which each architecture is timed."""


def bench(
    architecture: Annotated[str, typer.Option(help="tiny, sd14, or auto: tiny, and sd14 where a GPU is.")] = "auto",
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16, or auto.")] = "auto",
    runs: Annotated[int, typer.Option(help="Counted runs of each network.", min=1)] = 20,
    node: Annotated[bool, typer.Option(help="Also measure the ROS node's own overhead, where ROS is.")] = True,
) -> None:
    """Print frames a second and the split of latency, with SegFormer-B0 beside it, all with random weights."""
    from rich.console import Console
    from rich.table import Table

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors(console):
        import torch

        from madm_model.architecture import ARCHITECTURES
        from madm_model.bench import describe_machine, madm, measure, segformer_b0
        from madm_model.segmenter import choose_device

        chosen = choose_device(device)
        names = [architecture] if architecture != "auto" else ["tiny", "sd14"] if chosen.type == "cuda" else ["tiny"]
        if unknown := [name for name in names if name not in SIZES]:
            raise ValueError(f"unknown architecture '{unknown[0]}': use auto, {', '.join(SIZES)}")
        console.print(describe_machine(chosen))
        table = Table("network", "size", "ms (median)", "ms (fastest)", "frames/s", "split, ms", "peak GPU MiB")
        for name in names:
            for size in SIZES[name]:
                sizes = ARCHITECTURES[name]
                contenders = [make(sizes, size, device, dtype) for make in (madm, segformer_b0)]
                for speed in measure(contenders, size, runs):
                    table.add_row(
                        f"{speed.name} {str(contenders[0].segmenter.dtype).removeprefix('torch.')}",
                        f"{size[0]}x{size[1]}",
                        f"{speed.milliseconds:.1f}",
                        f"{speed.fastest_milliseconds:.1f}",
                        f"{1000 / speed.milliseconds:.1f}",
                        ", ".join(f"{stage} {value:.1f}" for stage, value in speed.stages.items()),
                        "" if speed.peak_gpu_bytes is None else f"{speed.peak_gpu_bytes / 2**20:.0f}",
                    )
                del contenders
                if chosen.type == "cuda":
                    torch.cuda.empty_cache()
        console.print(table)
    if node and find_spec("rclpy"):
        _print_node_overhead(console)


def _print_node_overhead(console) -> None:
    # A process of its own: this package imports no ROS.
    run = subprocess.run([sys.executable, "-m", "madm_ros.node_bench"], capture_output=True, text=True)
    if run.returncode:
        console.print(f"[red]error:[/red] the node's overhead could not be measured: {run.stderr.strip()[-400:]}")
        raise typer.Exit(1)
    result = json.loads(run.stdout.strip().splitlines()[-1])
    console.print("node, message in to message out without inference: " + json.dumps(result))
