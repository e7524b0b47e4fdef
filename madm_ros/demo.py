"""`make demo`: a simulated drive is played to the running node, and its labels are scored against the truth.

Everything goes the way it goes on a robot: bag -> DDS -> segmentation node -> DDS -> recorder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

DRIVE_SEED, DRIVE_SECONDS, DRIVE_RATE_HZ = 2_000_011, 12.0, 10.0
NODE_START_TIMEOUT_S = 120.0
TOPICS = {"thermal": "/thermal/image_raw", "depth": "/depth/image_raw", "rgb": "/rgb/image_raw"}
"""Image topic of each modality in a simulated drive."""


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass
class Recorded:
    """What came back from the node."""

    labels: dict[int, np.ndarray] = field(default_factory=dict)
    """Stamp in ns to uint8 (H, W)."""
    arrivals: list[float] = field(default_factory=list)
    """Time of each arrival, seconds."""
    diagnostics: dict[str, str] = field(default_factory=dict)
    """The node's last report while it was at work."""

    @property
    def fps(self) -> float:
        """Label images a second, from the first to the last."""
        return (len(self.arrivals) - 1) / (self.arrivals[-1] - self.arrivals[0])


def main() -> None:
    """Entry point; the last line printed is `demo: ok ...` or `demo: failed: ...`, the latter with status 1."""
    parser = argparse.ArgumentParser(prog="demo", description="Segments a simulated drive on a running node.")
    parser.add_argument("--modality", choices=list(TOPICS), default="thermal")
    parser.add_argument("--model", default="", help="model folder or name; default: the embedded one")
    parser.add_argument("--out", type=Path, default=Path("demo_output"))
    parser.add_argument("--rate", type=float, default=0.5, help="playing speed; 1 is as recorded")
    options = parser.parse_args()
    # A demo of its own: other nodes on this network neither see it nor disturb it.
    os.environ.setdefault("ROS_DOMAIN_ID", str(60 + os.getpid() % 40))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    try:
        print("demo: ok " + run_demo(options.modality, options.model, options.out, options.rate))
    except DemoError as error:
        sys.exit(f"demo: failed: {error}")


def run_demo(modality: str, model: str, out: Path, rate: float) -> str:
    """Simulate, play, record, score and draw.

    Returns:
        the numbers in one line.

    Raises:
        DemoError: a step failed.
    """
    # 1. A drive with all modalities and the truth
    bag = out / "drive"
    if not bag.exists():
        print(f"simulating {DRIVE_SECONDS:.0f} s of driving into {bag}", flush=True)
        simulate_drive(bag)

    # 2. The node, and the drive played to it
    print(f"playing {TOPICS[modality]} of it to the segmentation node", flush=True)
    recorded = play_to_node(bag, modality, model, rate)

    # 3. Scores against the truth
    scores = score(bag, recorded)

    # 4. Pictures
    draw(bag, modality, recorded, out)
    print(f"wrote {out / f'{modality}_overlay.mp4'} and {out / f'{modality}_sheet.png'}")
    report = recorded.diagnostics
    return (
        f"modality={modality} model={report.get('model', '?')} frames={len(recorded.labels)} "
        f"dropped={report.get('dropped frames', '?')} fps={recorded.fps:.1f} "
        f"latency_ms={report.get('total mean [ms]', '?')} inference_ms={report.get('inference mean [ms]', '?')} "
        f"mIoU={100 * scores.miou:.1f}%"
    )


def simulate_drive(bag: Path) -> None:
    """Write the demo's bag: colour, depth, thermal and truth at 320x240."""
    from madm_model.simulator import SimulatorConfig, StreetSimulator
    from madm_model.simulator.record import record_drive

    bag.parent.mkdir(parents=True, exist_ok=True)
    record_drive(StreetSimulator(DRIVE_SEED, SimulatorConfig()), bag, DRIVE_SECONDS, DRIVE_RATE_HZ, lambda: None)


def play_to_node(bag: Path, modality: str, model: str, rate: float) -> Recorded:
    """Start the node, play the bag to it and record what it publishes.

    Raises:
        DemoError: the node or the player ended, or no labels came.
    """
    import rclpy

    from madm_ros.demo_recorder import DemoRecorder

    overrides = ["-p", f"modality:={modality}", *(["-p", f"model:={model}"] if model else [])]
    remappings = ["-r", "__ns:=/madm", "-r", "__node:=demo_seg", "-r", f"image:={TOPICS[modality]}"]
    node = _start("madm_ros.segmentation_node", "--ros-args", *overrides, *remappings)
    rclpy.init()
    recorder = DemoRecorder("/madm/demo_seg")
    try:
        _spin_until(recorder, lambda: recorder.node_is_active, NODE_START_TIMEOUT_S, node, "the node did not get active")
        topics = ["--topics", TOPICS[modality]]
        player = _start("madm_ros.bag_player", str(bag), *topics, "--rate", str(rate), "--wait-for-subscribers", "30")
        try:
            _spin_until(recorder, lambda: player.poll() is not None, 600, node, "playing the drive took too long")
        finally:
            _end(player)
        if player.returncode:
            raise DemoError("the drive could not be played; see the message above")
        # The last frame is still in work when the player ends.
        _spin_for(recorder, 2.0)
    finally:
        recorder.destroy_node()
        rclpy.try_shutdown()
        _end(node)
    if len(recorder.recorded.labels) < 2:
        raise DemoError("the node published no labels; see its messages above")
    return recorder.recorded


def score(bag: Path, recorded: Recorded):
    """mIoU of the recorded labels against the drive's truth, by stamp.

    Raises:
        DemoError: a label image has a stamp that no frame has.
    """
    from madm_model.evaluation import ConfusionMatrix
    from madm_model.io.bags import BagReader
    from madm_model.labels import STREET_11

    matrix, scored = ConfusionMatrix(len(STREET_11)), 0
    with BagReader(bag) as reader:
        for truth in reader.frames("/labels/image_raw"):
            if (labels := recorded.labels.get(truth.stamp_ns)) is not None:
                matrix.add(labels, truth.array)
                scored += 1
    if scored != len(recorded.labels):
        raise DemoError(f"{len(recorded.labels) - scored} label images carry a stamp that no frame has")
    return matrix.scores()


def draw(bag: Path, modality: str, recorded: Recorded, out: Path) -> None:
    """An overlay video of all label images, and a sheet of six moments beside colour image and truth."""
    from madm_model.io.bags import BagReader
    from madm_model.labels import STREET_11, colorize, overlay
    from madm_model.modalities import make_preprocessor
    from madm_model.pictures import VideoFile, beside, contact_sheet, save_png

    preprocess = make_preprocessor(modality)
    rows = []
    every = max(1, len(recorded.labels) // 6)
    with BagReader(bag) as sensor, BagReader(bag) as colour, BagReader(bag) as truths:
        frames = zip(
            sensor.frames(TOPICS[modality]), colour.frames(TOPICS["rgb"]), truths.frames("/labels/image_raw")
        )
        with VideoFile(out / f"{modality}_overlay.mp4", DRIVE_RATE_HZ / 2) as video:
            for frame, rgb, truth in frames:
                image = preprocess(frame)
                labels = recorded.labels.get(frame.stamp_ns)
                if labels is None:
                    continue
                drawn = overlay(image, labels, STREET_11)
                video.add(beside([image, drawn]))
                if len(video) % every == 1 and len(rows) < 6:
                    rows.append([rgb.array, image, drawn, colorize(truth.array, STREET_11)])
    titles = ["colour (not seen by the node)", modality, "labels of the node", "truth"]
    save_png(out / f"{modality}_sheet.png", contact_sheet(rows, titles, STREET_11))


def _start(module: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", module, *arguments])


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def _spin_until(recorder, done, timeout_s: float, node: subprocess.Popen, complaint: str) -> None:
    import rclpy

    deadline = time.monotonic() + timeout_s
    while not done():
        if node.poll() is not None:
            raise DemoError("the segmentation node ended; see its message above")
        if time.monotonic() > deadline:
            raise DemoError(f"{complaint} within {timeout_s:.0f} s; {recorder.last_complaint}")
        rclpy.spin_once(recorder, timeout_sec=0.1)


def _spin_for(recorder, seconds: float) -> None:
    import rclpy

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        rclpy.spin_once(recorder, timeout_sec=0.1)


if __name__ == "__main__":
    main()
