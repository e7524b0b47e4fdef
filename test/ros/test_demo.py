"""The demo's scores and refusals; the whole of it runs with `make demo`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from madm_model.io.bags import BagWriter, make_image_message
from madm_model.labels import STREET_9, STREET_11, LabelSet
from madm_model.model_config import ModelConfig

pytest.importorskip("rclpy", reason="rclpy is not installed")

from madm_ros import demo
from madm_ros.demo_session import DemoError, Recorded


def write_truth(path, labels: list[int]) -> None:
    with BagWriter(path) as bag:
        for index, label in enumerate(labels):
            image = np.full((4, 6), label, np.uint8)
            bag.write(demo.TRUTH_TOPIC, make_image_message(image, "mono8", index, "camera"), index)


def test_labels_are_scored_by_stamp_and_dropped_frames_do_not_count(tmp_path):
    write_truth(tmp_path / "bag", [5, 0, 5])
    labels = {0: np.full((4, 6), 5, np.uint8), 2: np.full((4, 6), 0, np.uint8)}
    scores = demo.score(tmp_path / "bag", Recorded(labels=labels))
    assert scores.class_iou[5] == pytest.approx(0.5) and scores.class_iou[0] == 0
    assert scores.miou == pytest.approx(0.25)


def test_a_stamp_that_no_frame_has_is_refused(tmp_path):
    write_truth(tmp_path / "bag", [5])
    labels = {7: np.full((4, 6), 5, np.uint8)}
    with pytest.raises(DemoError, match="1 label images carry a stamp that no frame has"):
        demo.score(tmp_path / "bag", Recorded(labels=labels))


@pytest.mark.parametrize("classes", [STREET_9, replace(STREET_11, names=STREET_11.names[::-1])])
def test_a_model_of_other_classes_is_refused_before_anything_runs(tmp_path, classes: LabelSet):
    embedded = ModelConfig.load(demo.resolve_model(demo.EMBEDDED))
    (tmp_path / "model").mkdir()
    replace(embedded, label_set=classes).save(tmp_path / "model")
    with pytest.raises(DemoError, match="other classes"):
        demo.run_demo("thermal", str(tmp_path / "model"), tmp_path / "out", 1.0)
    assert not (tmp_path / "out").exists()
