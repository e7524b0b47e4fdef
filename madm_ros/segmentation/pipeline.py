# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The way of one frame through the node: convert and preprocess before the network, publish after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from madm_model.io.frames import FrameError, RawFrame
from madm_model.labels import IGNORE, LabelSet
from madm_model.modalities import DepthConfig, Preprocessor, make_preprocessor
from madm_model.modalities.depth import metric_depth
from madm_model.settings import read_settings
from madm_model.shift.monitor import ShiftMonitor
from madm_ros.error_log import ErrorLog
from madm_ros.image_conversion import to_frame
from madm_ros.segmentation import parameters
from madm_ros.segmentation.cloud_geometry import PinholeCamera
from madm_ros.segmentation.diagnostics import FrameStatistics, FrameTiming
from madm_ros.segmentation.publications import Publications


@dataclass(frozen=True)
class ReceivedImage:
    """An image message and when its callback ran."""

    message: Image | CompressedImage
    received: float
    """Seconds of time.perf_counter."""


@dataclass(frozen=True)
class PreparedFrame:
    """A frame on its way through the network."""

    message: Image | CompressedImage
    """It came as."""
    received: float
    """Seconds of time.perf_counter when it came."""
    frame: RawFrame
    """What the sensor saw."""
    image: np.ndarray
    """What the network sees, uint8 (H, W, 3)."""
    settings: FrameSettings
    """Of this frame."""
    preprocessing_s: float
    """Seconds that decoding and preprocessing took."""

    @property
    def class_bias(self) -> np.ndarray | None:
        """What is added to the scores of the classes, float32 (K,) in nats."""
        return self.settings.class_bias


@dataclass(frozen=True)
class FrameSettings:
    """What may change between two frames."""

    preprocess: Preprocessor
    """Makes the network's image of a sensor's frame."""
    depth: DepthConfig
    """Range limits and unit, for the point cloud."""
    confidence_threshold: float
    """Pixels below are unlabelled, 0 to 1."""
    overlay_opacity: float
    """Weight of the class colour in the overlay, 0 to 1."""
    lazy: bool
    """Nothing is done with a frame while nobody listens to a result."""
    shift_window_s: float
    """Seconds over which it is told how far frames are from what the model knows."""
    class_bias: np.ndarray | None = None
    """What is added to the scores of the classes, float32 (K,) in nats; None: nothing."""

    @classmethod
    def from_parameters(cls, values: Mapping[str, Any], label_set: LabelSet) -> FrameSettings:
        """What the node's parameters say, given all of them by name, for a model of these classes.

        Raises:
            ValueError: class_bias names a class that the model does not have.
        """
        modality = values["modality"]
        return cls(
            preprocess=make_preprocessor(modality, parameters.preprocessing_settings(modality, values)),
            depth=read_settings(DepthConfig, parameters.preprocessing_settings("depth", values)),
            confidence_threshold=values["confidence_threshold"],
            overlay_opacity=values["overlay_opacity"],
            lazy=values["lazy"],
            shift_window_s=values["shift_window_s"],
            class_bias=parameters.class_bias(values, label_set),
        )


class FramePipeline:
    """What is done with a camera's frames before and after the network, `CameraWork`.

    Args:
        settings: taken up at the start of every frame; the attribute may be replaced at any time, as `camera_info` may.
        publications: where the results go.
        errors: where a frame that fails is reported.
        log_info: writes one line at info level.
    """

    def __init__(
        self,
        settings: FrameSettings,
        publications: Publications,
        errors: ErrorLog,
        log_info: Callable[[str], object],
    ) -> None:
        self.settings = settings
        self.camera_info: CameraInfo | None = None
        """The newest calibration of the camera."""
        self.statistics = FrameStatistics()
        self.shift = ShiftMonitor(settings.shift_window_s)
        """How far the frames are from what the model knows."""
        self._publications = publications
        self._errors = errors
        self._log_info = log_info
        self._last_size: tuple[int, int] | None = None

    def prepare(self, received: ReceivedImage) -> PreparedFrame | None:
        """Make the network's image of a message, None where there is none or nobody wants its labels.

        What goes wrong is reported, not raised: the next frame can be fine.
        """
        try:
            return self._prepare(received)
        except FrameError as error:
            self._errors.report(f"image skipped: {error}")
        except Exception as error:
            self._report_loss(error)
        return None

    def finish(self, prepared: PreparedFrame, segmentation: Any, inference_s: float) -> None:
        """Publish what the network says; what goes wrong is reported, not raised.

        Args:
            prepared: the frame.
            segmentation: `madm_model.segmenter.Segmentation` of it.
            inference_s: seconds that the network took.
        """
        try:
            self._publish(prepared, segmentation, inference_s)
        except Exception as error:
            self._report_loss(error)

    def fail(self, prepared: PreparedFrame, error: Exception) -> None:
        """Report that the network gave nothing."""
        self._report_loss(error)

    def _report_loss(self, error: Exception) -> None:
        self._errors.report(f"frame lost, {type(error).__name__}: {error}")

    def _prepare(self, received: ReceivedImage) -> PreparedFrame | None:
        settings = self.settings
        if settings.lazy and not self._publications.wanted:
            self.statistics.record_unwanted()
            return None
        started = time.perf_counter()
        frame = to_frame(received.message)
        self._note_size(frame)
        image = settings.preprocess(frame)
        preprocessing_s = time.perf_counter() - started
        return PreparedFrame(received.message, received.received, frame, image, settings, preprocessing_s)

    def _publish(self, prepared: PreparedFrame, segmentation: Any, inference_s: float) -> None:
        settings, header = prepared.settings, prepared.message.header
        labels = _without_unsure(segmentation.labels, segmentation.confidence, settings.confidence_threshold)
        self._publications.publish(header, prepared.image, labels, segmentation.confidence, settings.overlay_opacity)
        if self.camera_info is not None:
            self._publications.publish_camera_info(header, self.camera_info)
        if self._publications.wants_points:
            self._publish_points(header, metric_depth(prepared.frame, settings.depth), labels, segmentation.confidence)
        self.shift.window_s = settings.shift_window_s
        self.shift.look(prepared.image, segmentation.labels, segmentation.confidence)
        self.statistics.record(
            FrameTiming(
                preprocessing=prepared.preprocessing_s,
                inference=inference_s,
                total=time.perf_counter() - prepared.received,
            ),
            unlabelled=np.count_nonzero(labels == IGNORE) / labels.size,
        )

    def _publish_points(self, header: Header, depth: np.ndarray, labels: np.ndarray, confidence: np.ndarray) -> None:
        camera = PinholeCamera.from_camera_info(self.camera_info) if self.camera_info is not None else None
        if camera is None:
            self._errors.report("no point cloud without a calibrated camera_info: check its topic")
        elif depth.shape != (camera.height, camera.width):
            height, width = depth.shape
            self._errors.report(
                f"no point cloud: camera_info is for {camera.width}x{camera.height}, the image is {width}x{height}"
            )
        else:
            self._publications.publish_points(header, depth, camera, labels, confidence)

    def _note_size(self, frame: RawFrame) -> None:
        size = (frame.width, frame.height)
        if self._last_size not in (None, size):
            self._log_info("image size changed from {}x{} to {}x{}".format(*self._last_size, *size))
        self._last_size = size


def _without_unsure(labels: np.ndarray, confidence: np.ndarray, threshold: float) -> np.ndarray:
    """Labels with 255 where the confidence, 255 for certain, is below the threshold, 0 to 1."""
    return np.where(confidence < threshold * 255, np.uint8(IGNORE), labels) if threshold > 0 else labels
