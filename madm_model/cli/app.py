"""`madm`: the command line. Commands import what is heavy only when they run."""

from __future__ import annotations

import typer

from madm_model.cli.train_embedded import train_embedded

app = typer.Typer(
    name="madm",
    help="Segment depth, thermal and event cameras with a diffusion backbone, and adapt it to your own sensor.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command("train-embedded")(train_embedded)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
