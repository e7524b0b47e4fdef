# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job with a colour camera beside the sensor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from adaptation_samples import COLOUR, TOPIC, Run, write_model, write_pairs

from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.jobs.check import check_request
from madm_model.jobs.report import read_log
from madm_model.jobs.request import RequestError


@pytest.fixture
def paired(request_, tmp_path):
    """A request whose bag has a colour camera, labelled by a model of a moment."""
    bag = str(write_pairs(tmp_path / "pairs", lacking=(2,)))
    model = write_model(tmp_path / "colour_model", seed=5)
    options = {"paired_topic": COLOUR, "paired_model": str(model), "paired_confidence": "0"}
    target = TargetSelection((bag,), "thermal", TOPIC)
    return replace(request_, target=target, options={**request_.options, **options})


def test_labels_of_a_colour_camera_join_and_the_report_says_where(store, paired) -> None:
    run = Run(store, paired)
    run.stop_after = 1
    assert run() == "canceled"
    assert "labelling 23 paired images" in {event["message"] for event in run.of("state")}
    assert run.of("pairs")[0]["total"] == 24
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "activated"
    assert store.info("v0001").training["paired"] == "23 of 24 frames"
    page = Path(resumed.folder.state().report)
    assert "23 of 24" in page.read_text() and "agreement where they are trusted" in page.read_text()
    assert cv2.imread(str(page.parent / "paired_labels.png")) is not None
    log = read_log(run.folder.path / "training.csv")
    assert len(log) == 3 and max(row["paired_share"] for row in log) > 0


def test_what_cannot_be_paired_is_refused_at_the_door(store, paired, tmp_path) -> None:
    def refusal(roots=None, **options) -> str:
        request = replace(paired, options={**paired.options, **options}, bag_roots=roots)
        with pytest.raises(RequestError) as error:
            check_request(request, store)
        return str(error.value)

    check_request(paired, store)
    assert "no image of /gone was taken" in refusal(paired_topic="/gone")
    assert "is the sensor's own topic" in refusal(paired_topic=TOPIC)
    assert "needs self-training" in refusal(self_training="off")
    assert "cannot be inverted" in refusal(paired_homography="[0, 0, 0, 0, 0, 0, 0, 0, 1]")
    assert "greater than 0" in refusal(paired_tolerance="0")
    assert "no-such-model" in refusal(paired_model=str(tmp_path / "no-such-model"))
    assert "allowed by bag_roots" in refusal(roots=(str(tmp_path / "pairs"), str(tmp_path / "source")))
