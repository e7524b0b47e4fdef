# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm simulate`: a bag of a drive through a synthetic street."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Option(help="Bag (folder) to write; must not exist.")],
    seed: Annotated[int, typer.Option(help="Chooses street, light, weather, camera and traffic.", min=0)] = 0,
    seconds: Annotated[float, typer.Option(help="Length of the drive.")] = 10.0,
    rate: Annotated[float, typer.Option(help="Frames a second.")] = 10.0,
    time_of_day: Annotated[str, typer.Option(help="day, dusk, night, or random: the seed chooses.")] = "random",
    place: Annotated[str, typer.Option(help="street; or quiet: a way under trees with hardly a vehicle.")] = "street",
    width: Annotated[int, typer.Option(help="Of the images, pixels.")] = 320,
    height: Annotated[int, typer.Option(help="Of the images, pixels.")] = 240,
    events: Annotated[
        bool, typer.Option("--events", help="Also an event camera; takes several times as long.")
    ] = False,
    lidar: Annotated[bool, typer.Option("--lidar", help="Also a LiDAR above the cameras.")] = False,
) -> None:
    """Write colour, depth, thermal and true labels of a simulated drive, and events or clouds if asked for, as an mcap
    bag."""
    from rich.console import Console
    from rich.progress import Progress

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        from madm_model.simulator import SimulatorConfig, StreetSimulator
        from madm_model.simulator.events import EventSensorConfig
        from madm_model.simulator.lidar import LidarConfig
        from madm_model.simulator.record import record_drive

        config = SimulatorConfig(width, height, time_of_day, place)  # type: ignore[arg-type]
        simulator = StreetSimulator(seed, config)
        with Progress(console=console) as progress:
            task = progress.add_task("simulating", total=max(1, round(seconds * rate)))
            frames = record_drive(
                simulator,
                out,
                seconds,
                rate,
                lambda: progress.advance(task),
                EventSensorConfig() if events else None,
                LidarConfig() if lidar else None,
            )
    console.print(f"{frames} frames of street {seed} written to {out}", markup=False)
