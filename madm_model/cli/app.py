# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm`: the command line. Commands import what is heavy only when they run."""

from __future__ import annotations

import io
import sys

import typer

from madm_model.cli.adapt import adapt
from madm_model.cli.bench import bench
from madm_model.cli.benchmark import benchmark
from madm_model.cli.data import data
from madm_model.cli.distil import distil
from madm_model.cli.evaluate import evaluate
from madm_model.cli.events import events
from madm_model.cli.export import export
from madm_model.cli.import_official import import_official
from madm_model.cli.new import new
from madm_model.cli.reference import reference
from madm_model.cli.segment import segment
from madm_model.cli.simulate import simulate
from madm_model.cli.store import activate, rollback, versions
from madm_model.cli.train import train
from madm_model.cli.train_embedded import train_embedded
from madm_model.cli.train_student import train_student

app = typer.Typer(
    name="madm",
    help="Segment depth, thermal and event cameras with a diffusion backbone, and adapt it to your own sensor.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command("segment")(segment)
app.command("adapt")(adapt)
app.command("versions")(versions)
app.command("activate")(activate)
app.command("rollback")(rollback)
app.command("simulate")(simulate)
app.command("events")(events)
app.command("new")(new)
app.command("reference")(reference)
app.command("import-official")(import_official)
app.add_typer(data, name="data")
app.command("train")(train)
app.command("evaluate")(evaluate)
app.command("export")(export)
app.command("bench")(bench)
app.add_typer(benchmark, name="benchmark")
app.command("train-embedded")(train_embedded)
app.command("train-student")(train_student)
app.command("distil")(distil)


def main() -> None:
    """Entry point of the console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    app()


if __name__ == "__main__":
    main()
