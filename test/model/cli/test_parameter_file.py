# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A robot's file of parameters, read without ROS."""

from __future__ import annotations

from pathlib import Path

import pytest

from madm_model.cli.parameter_file import read_frame_settings
from madm_model.events.edge_config import EdgeConfig
from madm_model.io.frames import InputError
from madm_model.modalities import make_preprocessor

CONFIG = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize("modality", ["thermal", "depth", "event"])
def test_the_packages_files_hold_what_is_the_default(modality) -> None:
    settings = read_frame_settings(CONFIG / f"{modality}.yaml", modality)
    assert settings.edges == EdgeConfig()
    assert settings.preprocessing
    make_preprocessor(modality, settings.preprocessing)


def test_values_of_all_nodes_count_and_those_of_the_command_line_more(tmp_path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        "/madm/event_edges:\n  ros__parameters:\n    edges: {mode: polarity, period_s: 0.1, radius: 5}\n"
        "/madm/event_seg:\n  ros__parameters:\n    event.invert: true\n    device: cpu\n"
    )
    settings = read_frame_settings(path, "event", period_s=0.05)
    assert settings.preprocessing == {"invert": True}
    assert settings.edges == EdgeConfig(mode="polarity", period_s=0.05, radius=5)
    assert read_frame_settings(None, "event", "time_surface").edges == EdgeConfig(mode="time_surface")


def test_nodes_of_other_modalities_are_left_out_and_namespaces_may_nest(tmp_path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        "madm:\n  thermal_seg:\n    ros__parameters: {modality: thermal, thermal: {invert: true}}\n"
        "  depth_seg:\n    ros__parameters: {modality: depth, depth: {encoding: linear}, thermal: {invert: false}}\n"
        "camera:\n  ros__parameters: {modality: rgbd}\n"
    )
    assert read_frame_settings(path, "thermal").preprocessing == {"invert": True}
    assert read_frame_settings(path, "depth").preprocessing == {"encoding": "linear"}
    with pytest.raises(InputError, match="is for thermal: give --modality thermal, or the parameters for event"):
        read_frame_settings(path, "event")


def test_edge_frames_in_step_with_images_come_at_their_period(tmp_path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("/**: {ros__parameters: {edges: {window: stamps, period_s: 0.2}}}")
    assert read_frame_settings(path, "event").edges == EdgeConfig(window="time", period_s=0.2)


@pytest.mark.parametrize("text", ["", "- a", "a: 1", "/**: {parameters: {}}", "a: [", "\x00", "a: 2023-99-99"])
def test_a_file_of_something_else_is_refused(tmp_path, text) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"other\.yaml is no file of ROS parameters"):
        read_frame_settings(path, "thermal")


def test_wrong_edge_settings_are_refused(tmp_path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("/**: {ros__parameters: {edges: {colour: red}}}")
    with pytest.raises(ValueError, match="colour"):
        read_frame_settings(path, "event")
    with pytest.raises(ValueError, match="mode is 'loud'"):
        read_frame_settings(None, "event", "loud")
