# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`make demo`: a simulated drive is played to the running node, and its labels are scored against the truth.

Everything goes the way it goes on a robot: bag -> DDS -> segmentation node -> DDS -> recorder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from madm_model.checkpoint.model_names import EMBEDDED, embedded_model, resolve_model
from madm_model.evaluation import ConfusionMatrix, SegmentationScores
from madm_model.events.edge_source import open_edge_frames
from madm_model.io.bags import BagReader
from madm_model.io.frames import InputError, RawFrame
from madm_model.labels import STREET_11, colorize, overlay
from madm_model.modalities import make_preprocessor
from madm_model.model_config import ModelConfig, ModelError
from madm_model.pictures import VideoFile, beside, contact_sheet, save_png, titled
from madm_model.segmenter import Segmenter
from madm_model.simulator import StreetSimulator
from madm_model.simulator.events import EventSensorConfig
from madm_model.simulator.record import EVENT_TOPIC, record_drive
from madm_ros.tools.demo_page import DemoPage, next_steps, write_page
from madm_ros.tools.demo_session import DemoError, Recorded, play_to_node

DRIVE_SEED, DRIVE_SECONDS, DRIVE_RATE_HZ = 2_000_000, 12.0, 10.0
SHEET_ROWS = 6
COLOUR_TOPIC = "/rgb/image_raw"
TOPICS = {
    "thermal": ("/thermal/image_raw",),
    "depth": ("/depth/image_raw",),
    "event": (EVENT_TOPIC, COLOUR_TOPIC),
    "rgb": (COLOUR_TOPIC,),
}
"""Topics of a simulated drive that are played for each modality; of colour, event takes the stamps."""
TRUTH_TOPIC = "/labels/image_raw"


def main() -> None:
    """Entry point; the last line is `demo: ok ...`, or `demo: failed: ...` with exit status 1."""
    parser = argparse.ArgumentParser(prog="demo", description="Segments a simulated drive on a running node.")
    parser.add_argument("--modality", choices=list(TOPICS), default="thermal")
    parser.add_argument("--model", default="", help="model folder or name; default: the embedded one of the modality")
    parser.add_argument("--out", type=Path, default=Path("demo_output"))
    parser.add_argument("--rate", type=float, default=0.5, help="playing speed; 1 is as recorded")
    options = parser.parse_args()
    # A demo of its own: other nodes on this network neither see nor disturb it.
    os.environ.setdefault("ROS_DOMAIN_ID", str(60 + os.getpid() % 40))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    try:
        print("demo: ok " + run_demo(options.modality, options.model, options.out, options.rate))
    except (DemoError, InputError, ModelError, OSError) as error:
        sys.exit(f"demo: failed: {error}")


def run_demo(modality: str, model: str, out: Path, rate: float) -> str:
    """Simulate, play, record, score and draw; returns the numbers in one line.

    Raises:
        DemoError, InputError, ModelError, OSError: a step failed; the message says why.
    """
    model = model or embedded_model(modality)
    config = ModelConfig.load(resolve_model(model))
    if config.label_set != STREET_11:
        raise DemoError(f"model {config.name} has other classes than the drive's truth: choose one with its 11 classes")

    # 1. A drive with every modality and the truth, kept for the next time
    bag, sensor = (out / "drive_with_events", EventSensorConfig()) if modality == "event" else (out / "drive", None)
    if not bag.exists():
        print(f"simulating {DRIVE_SECONDS:.0f} s of driving into {bag}", flush=True)
        bag.parent.mkdir(parents=True, exist_ok=True)
        record_drive(StreetSimulator(DRIVE_SEED), bag, DRIVE_SECONDS, DRIVE_RATE_HZ, event_sensor=sensor)

    # 2. The drive through the running node
    print(f"playing {TOPICS[modality][0]} of it to the segmentation node", flush=True)
    recorded = play_to_node(bag, TOPICS[modality], modality, model, rate)
    if dropped := int(recorded.report["dropped frames"]):
        print(f"{dropped} images came while the node was busy with another: the newest wins, as on a robot", flush=True)

    # 3. The same frames as a model sees them that knows colour alone
    before = None
    if config.modality == modality and modality != "rgb":
        print(f"segmenting them with {EMBEDDED} too, which knows colour alone", flush=True)
        before = segment_with_colour_model(bag, modality, recorded)

    # 4. Scores against the truth, pictures, and a page with both
    scores = {} if before is None else {EMBEDDED: score(bag, before)}
    scores[config.name] = score(bag, recorded.labels)
    video, sheet = out / f"{modality}_overlay.webm", out / f"{modality}_sheet.png"
    draw(bag, modality, recorded, before, video, sheet)
    write_page(
        out / f"{modality}.html",
        DemoPage(
            modality,
            config.name,
            video,
            sheet,
            numbers(recorded),
            STREET_11,
            scores,
            next_steps(modality, bag, TOPICS[modality][0], out),
        ),
    )
    print(f"wrote {video} and {sheet}; look at both in a browser: {out / f'{modality}.html'}")
    if config.modality != modality:
        print(f"{config.name} has learned {config.modality}: on {modality} it is where adaptation starts")
    report = recorded.report
    earlier = "" if before is None else f"mIoU_of_{EMBEDDED}={100 * scores[EMBEDDED].miou:.1f}% "
    return (
        f"modality={modality} model={report['model']} runtime={report['runtime'].replace(' ', '/')} "
        f"frames={len(recorded.labels)} dropped={report['dropped frames']} fps={recorded.fps:.1f} "
        f"latency_ms={report['total mean [ms]']} inference_ms={report['inference mean [ms]']} "
        f"{earlier}mIoU={100 * scores[config.name].miou:.1f}%"
    )


def numbers(recorded: Recorded) -> list[tuple[str, str, str]]:
    """Name, value and meaning of what the node told about its work."""
    report = recorded.report
    return [
        ("label images", str(len(recorded.labels)), "that the node published"),
        ("left out", report["dropped frames"], "images that came while it was busy: the newest wins, as on a robot"),
        ("labels a second", f"{recorded.fps:.1f}", "as fast as the drive was played, or as the node could"),
        ("latency, ms", _rounded(report["total mean [ms]"]), "from an image's arrival to its labels: a mean"),
        ("of these in the network, ms", _rounded(report["inference mean [ms]"]), "the rest is before and after it"),
        ("runtime", report["runtime"], "what ran the network: the quickest here"),
    ]


def _rounded(milliseconds: str) -> str:
    """Without the hundredths, for people; what is no number stays."""
    return f"{float(milliseconds):.1f}" if milliseconds[:1].isdigit() else milliseconds


def segment_with_colour_model(bag: Path, modality: str, recorded: Recorded) -> dict[int, np.ndarray]:
    """Labels (H, W) by stamp of the model that has learned from colour alone, for the frames that the node labelled."""
    segmenter, preprocess = Segmenter.from_folder(resolve_model(EMBEDDED)), make_preprocessor(modality)
    images = ((frame.stamp_ns, preprocess(frame)) for frame in sensor_frames(bag, modality))
    return {stamp: segmenter.segment([image])[0].labels for stamp, image in images if stamp in recorded.labels}


def score(bag: Path, labels_by_stamp: Mapping[int, np.ndarray]) -> SegmentationScores:
    """Scores of labels against the drive's truth, matched by stamp.

    Raises:
        DemoError: a label image has a stamp that no frame has.
    """
    matrix, scored = ConfusionMatrix(len(STREET_11)), 0
    with BagReader(bag) as reader:
        for truth in reader.frames(TRUTH_TOPIC):
            if (labels := labels_by_stamp.get(truth.stamp_ns)) is not None:
                matrix.add(labels, truth.array)
                scored += 1
    if scored != len(labels_by_stamp):
        raise DemoError(f"{len(labels_by_stamp) - scored} label images carry a stamp that no frame has")
    return matrix.scores()


def sensor_frames(bag: Path, modality: str) -> Iterator[RawFrame]:
    """What the node segments: the images of the modality, or edge frames at the stamps of the colour images."""
    if modality == "event":
        yield from open_edge_frames(bag, EVENT_TOPIC, in_step_with=COLOUR_TOPIC)
    else:
        with BagReader(bag) as reader:
            yield from reader.frames(TOPICS[modality][0])


def draw(
    bag: Path,
    modality: str,
    recorded: Recorded,
    before: Mapping[int, np.ndarray] | None,
    video_path: Path,
    sheet_path: Path,
) -> None:
    """A video of the sensor's image beside its overlay, and a sheet of moments with colour image and truth.

    With labels of the model that knows colour alone, both show them too.
    """
    titles = ["colour (the node does not see it)", f"{modality} (the node's input)"]
    titles += ["labels of the node"] if before is None else [f"{EMBEDDED}: knows colour alone", "labels of the node"]
    titles += ["truth"]
    preprocess = make_preprocessor(modality)
    rows, drawn_frames = [], 0
    row_every = max(1, len(recorded.labels) // SHEET_ROWS)
    with BagReader(bag) as colour, BagReader(bag) as truths:
        moments = zip(colour.frames(COLOUR_TOPIC), truths.frames(TRUTH_TOPIC))
        with VideoFile(video_path, recorded.fps) as video:
            for frame in sensor_frames(bag, modality):
                # Before the first event there are moments without an edge frame.
                rgb, truth = next(moment for moment in moments if moment[1].stamp_ns == frame.stamp_ns)
                image = preprocess(frame)  # (H, W, 3)
                labels = recorded.labels.get(frame.stamp_ns)  # (H, W)
                if labels is None:  # dropped: the node was still busy
                    continue
                picture = overlay(image, labels, STREET_11)
                earlier = [] if before is None else [overlay(image, before[frame.stamp_ns], STREET_11)]
                panels = [image, *earlier, picture]
                video.add(beside([titled(panel, title) for panel, title in zip(panels, titles[1:])]))
                if drawn_frames % row_every == 0 and len(rows) < SHEET_ROWS:
                    rows.append([rgb.array, image, *earlier, picture, colorize(truth.array, STREET_11)])
                drawn_frames += 1
    save_png(sheet_path, contact_sheet(rows, titles, STREET_11))


if __name__ == "__main__":
    main()
