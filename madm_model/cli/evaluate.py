# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm evaluate`: the scores of a model on a test set of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder, student or not, or an embedded model.")],
    dataset: Annotated[str, typer.Option(help="deliver, fmb, dsec or cityscapes.")],
    root: Annotated[Path, typer.Option(help="The data set's folder (docs/datasets.md).")],
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    protocol: Annotated[
        str, typer.Option(help="official: at 512x512, as the paper's code; native: at the images' own size.")
    ] = "official",
    condition: Annotated[str, typer.Option(help="Only images with this word in their path, such as night.")] = "",
    names: Annotated[Path | None, typer.Option("--list", help="Only the images that this file names.")] = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16, or auto.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and confusion.png.")] = None,
) -> None:
    """Score a model: IoU per class and their mean, on the whole set and on the half that the official command takes."""
    from rich.console import Console
    from rich.progress import Progress

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        from madm_model.checkpoint.model_names import resolve_model
        from madm_model.datasets.dataset import open_dataset
        from madm_model.evaluation.protocol import PROTOCOLS, count, select_images
        from madm_model.evaluation.report import report_of, write_report
        from madm_model.model_config import ModelConfig
        from madm_model.segmenter import Segmenter

        if protocol not in PROTOCOLS:
            raise ValueError(f"unknown protocol '{protocol}': use {' or '.join(PROTOCOLS)}")
        folder = resolve_model(model)
        config = ModelConfig.load(folder)
        data = open_dataset(dataset, root, split, config.label_set)
        indices = select_images(data, condition, names)
        segmenter = Segmenter.from_folder(folder, device, dtype)
        with Progress(console=console) as progress:
            task = progress.add_task(f"{config.name} on {dataset} {split}", total=len(indices))
            counted = count(
                *(lambda image: segmenter.segment([image])[0].labels, data, indices, protocol),
                on_image=lambda: progress.advance(task),
            )
        about = {"model": config.name, "dataset": dataset, "split": split, "protocol": protocol}
        about |= {"condition": condition, "list": names.name if names else ""}
        report = report_of(counted, config.label_set, about, has_half=not condition and names is None)
        if out is not None:
            write_report(out, report)
    console.print(_table(report))
    if out is not None:
        console.print(f"{out}: evaluation.json, confusion.png", soft_wrap=True, markup=False)


def _table(report: dict[str, Any]) -> Table:
    """IoU per class in percent, and the means below."""
    from rich.table import Table

    columns = {"whole": "all images", "official_half": "official half"}
    shown = [key for key in columns if key in report]
    title = f"IoU in % on {report['images']} images of {report['dataset']} {report['split']}, {report['protocol']}"
    table = Table("class", *(columns[key] for key in shown), title=title, title_justify="left")

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.2f}"

    for name in report["classes"]:
        table.add_row(name, *(percent(report[key]["class_iou"][name]) for key in shown))
    table.add_section()
    for name, text in (("miou", "mIoU"), ("miou_of_present", "mIoU of classes that are there")):
        table.add_row(text, *(percent(report[key][name]) for key in shown))
    table.add_row("pixel accuracy", *(percent(report[key]["pixel_accuracy"]) for key in shown))
    return table
