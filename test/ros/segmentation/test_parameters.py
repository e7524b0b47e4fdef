# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What can be set when, and what is refused and why."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.exceptions import InvalidParameterValueException
from rclpy.parameter import Parameter
from ros_helpers import FIXED_GAIN, FakeSegmenter, image_message, pixels_of
from sensor_msgs.msg import Image

from madm_ros.node_parameters import PREPROCESSING
from madm_ros.segmentation.parameters import PARAMETERS

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (8, 1))


def _set(node, name: str, value: object) -> tuple[bool, str]:
    (result,) = node.set_parameters([Parameter(name, value=value)])
    return result.successful, result.reason


@pytest.mark.parametrize("modality", PREPROCESSING)
def test_every_setting_of_a_modality_is_a_parameter(modality: str) -> None:
    declared = {parameter.name for parameter in PARAMETERS if parameter.name.startswith(f"{modality}.")}
    assert declared == {f"{modality}.{field.name}" for field in fields(PREPROCESSING[modality])}


def test_parameters_carry_descriptions_and_ranges(peer, start_node) -> None:
    start_node()
    names = [parameter.name for parameter in PARAMETERS]
    request = DescribeParameters.Request(names=names)
    answer = peer.call(DescribeParameters, "/segmentation_node/describe_parameters", request)
    described = dict(zip(names, answer.descriptors))
    assert all(descriptor.description for descriptor in described.values())
    (opacity,) = described["overlay_opacity"].floating_point_range
    assert (opacity.from_value, opacity.to_value) == (0.0, 1.0)
    (tiles,) = described["thermal.clahe_tiles"].integer_range
    assert (tiles.from_value, tiles.to_value) == (1, 64)
    assert "raw, compressed, compressedDepth" in described["transport"].additional_constraints


@pytest.mark.parametrize("name", [parameter.name for parameter in PARAMETERS if not parameter.live])
def test_what_is_not_live_is_refused_with_a_reason(start_node, name: str) -> None:
    node = start_node()
    value = node.get_parameter(name).value
    successful, reason = _set(node, name, not value if isinstance(value, bool) else value)
    assert not successful
    assert ("read-only" in reason) if name == "autostart" else (name in reason and "clean up the node first" in reason)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("overlay_opacity", 1.5, "overlay_opacity"),
        ("confidence_threshold", -0.1, "confidence_threshold"),
        ("thermal.gain", "automatic", "one of percentile, fixed, clahe"),
        ("thermal.low_percentile", 99.9, "has to be below"),
        ("thermal.fixed_min", 60000.0, "below fixed_max"),
        ("depth.min_range_m", 500.0, "has to be below"),
        ("class_bias", ["person"], "class_bias: 'person' is not like person=0.5"),
        ("class_bias", ["dog=1"], "class_bias: there is no class 'dog': the model has"),
        ("class_bias", ["person=nan"], "between -20 and 20 nats"),
        ("class_bias", ["person=1", "person=2"], "comes twice"),
    ],
)
def test_values_that_make_no_sense_are_refused(start_node, name: str, value: object, words: str) -> None:
    node = start_node()
    before = node.get_parameter(name).value
    successful, reason = _set(node, name, value)
    assert not successful
    assert words in reason
    assert node.get_parameter(name).value == before


def test_a_bias_of_a_class_counts_from_the_next_frame_on(peer, start_node) -> None:
    segmenter = FakeSegmenter()
    person = segmenter.config.label_set.names.index("person")
    node = start_node(segmenter, **FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(RAMP, "mono8"), lambda: labels)
    assert segmenter.biases == []

    assert _set(node, "class_bias", ["person=0.5"]) == (True, "")
    peer.send(publisher, image_message(RAMP, "mono8"), lambda: len(labels) > 1)
    assert segmenter.biases[0].tolist() == [0.5 if index == person else 0.0 for index in range(9)]

    assert _set(node, "class_bias", [""]) == (True, "")
    before = len(segmenter.biases)
    peer.send(publisher, image_message(RAMP, "mono8"), lambda: len(labels) > 2)
    assert len(segmenter.biases) == before


def test_a_bias_of_a_class_that_the_model_does_not_have_fails_configure(start_node, errors) -> None:
    node = start_node(bring_up=False, class_bias=["dog=1"])
    assert not node.bring_up()
    assert any("cannot configure: class_bias: there is no class 'dog'" in text for text in errors())


def test_a_refused_change_leaves_the_others_of_an_atomic_set_alone(start_node) -> None:
    node = start_node()
    result = node.set_parameters_atomically(
        [Parameter("overlay_opacity", value=0.9), Parameter("model", value="another")]
    )
    assert not result.successful
    assert node.get_parameter("overlay_opacity").value == 0.5


@pytest.mark.parametrize(("name", "value"), [("overlay_opacity", 3.0), ("thermal.clahe_tiles", 0)])
def test_start_values_out_of_range_are_refused(ros, name: str, value: object) -> None:
    from madm_ros.segmentation.node import SegmentationNode

    with pytest.raises(InvalidParameterValueException, match=name):
        SegmentationNode(parameter_overrides=[Parameter(name, value=value)], use_global_arguments=False)


def test_gain_control_changes_from_one_frame_to_the_next(peer, start_node) -> None:
    segmenter = FakeSegmenter()
    start_node(segmenter, **FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(RAMP, "mono8", stamp_s=1), lambda: labels)
    np.testing.assert_array_equal(segmenter.images[-1][..., 0], RAMP)
    request = SetParameters.Request(parameters=[Parameter("thermal.invert", value=True).to_parameter_msg()])
    (result,) = peer.call(SetParameters, "/segmentation_node/set_parameters", request).results
    assert result.successful
    peer.send(publisher, image_message(RAMP, "mono8", stamp_s=2), lambda: labels[-1].header.stamp.sec == 2)
    np.testing.assert_array_equal(segmenter.images[-1][..., 0], 255 - RAMP)


def test_changing_something_else_keeps_the_gain_controls_memory(peer, start_node) -> None:
    node = start_node(**{"thermal.max_change": 0.1})
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(RAMP // 4, "mono8"), lambda: labels)
    preprocess = node._pipeline.settings.preprocess
    assert _set(node, "overlay_opacity", 0.7) == (True, "")
    assert node._pipeline.settings.preprocess is preprocess
    assert node._pipeline.settings.overlay_opacity == 0.7


def test_the_confidence_threshold_changes_live(peer, start_node) -> None:
    node = start_node(**FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(RAMP, "mono8", stamp_s=1), lambda: labels)
    assert 255 not in pixels_of(labels[-1])
    assert _set(node, "confidence_threshold", 1.0) == (True, "")
    peer.send(publisher, image_message(RAMP, "mono8", stamp_s=2), lambda: labels[-1].header.stamp.sec == 2)
    assert (pixels_of(labels[-1]) == 255).all()
