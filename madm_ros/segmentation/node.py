# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The segmentation node: images in, label images out.

A frame goes from `accept` (executor) into a `CameraQueue`; `SharedNetwork`, in a thread of its own, has `FramePipeline`
prepare it, segments it with those of other cameras, and hands it to the queue's thread, which publishes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from madm_model.model_config import ModelConfig
from madm_ros.diagnostic_reports import DiagnosticsPublisher
from madm_ros.error_log import ErrorLog
from madm_ros.running import ros_process
from madm_ros.segmentation import parameters
from madm_ros.segmentation.camera_inputs import CameraInputs
from madm_ros.segmentation.diagnostics import NodeHealth, diagnostic_status
from madm_ros.segmentation.following_segmenter import FollowingSegmenter, open_segmenter
from madm_ros.segmentation.health import with_frames, with_network
from madm_ros.segmentation.loading import SegmenterFactory, load_segmenter
from madm_ros.segmentation.manager_bond import ManagerBond
from madm_ros.segmentation.pipeline import FramePipeline, FrameSettings, ReceivedImage
from madm_ros.segmentation.publications import Publications
from madm_ros.segmentation.shift_watch import ShiftWatch
from madm_ros.sharing.camera_queue import CameraQueue
from madm_ros.sharing.shared_networks import NetworkKey, NetworkShare, SharedNetworks


class SegmentationNode(LifecycleNode):
    """Lifecycle node around a segmenter.

    configure loads the weights, activate starts listening, deactivate stops and gives the device's memory back
    (activating again loads the weights again) once no other node of the process has the same model, cleanup forgets the
    model. A transition up that fails logs one error and leaves the node in the state it was in; parameters can be
    corrected while it is unconfigured. One down that fails leaves it unconfigured.

    Args:
        segmenter_factory: called on configure; tests put a small one here.
        image_source: part of this process that hands images to `accept`; empty: the topic `image` brings them.
        networks: of the nodes of this process, which share the weights of one model; None: this one has its own.
        arguments: of LifecycleNode, such as namespace or parameter_overrides.

    Raises:
        ValueError: a parameter given at start makes no sense.
        rclpy.exceptions.ParameterException: it has the wrong type or is out of its range.
    """

    def __init__(
        self,
        segmenter_factory: SegmenterFactory = load_segmenter,
        image_source: str = "",
        networks: SharedNetworks | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__("segmentation_node", **arguments)
        self._make_segmenter = segmenter_factory
        self._image_source = image_source
        self._networks = networks or SharedNetworks()
        self._state = "unconfigured"
        self._transition_error = ""
        # From configure to cleanup:
        self._config: ModelConfig | None = None
        self._publications: Publications | None = None
        # From configure to deactivate:
        self._share: NetworkShare | None = None
        self._model_folder = Path()
        # From activate to deactivate:
        self._pipeline: FramePipeline | None = None
        self._queue: CameraQueue[ReceivedImage] | None = None
        self._inputs: CameraInputs | None = None
        self._shift_watch: ShiftWatch | None = None
        self._bond: ManagerBond | None = None
        parameters.declare(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._errors = ErrorLog(self._log_error)
        self._diagnostics = DiagnosticsPublisher(self)
        # A steady clock: reports go out also where /clock stands still.
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def accept(self, message: Image | CompressedImage) -> None:
        """Take an image, from the subscription or from any thread of this process; ignored while not active."""
        queue = self._queue
        if queue is not None:
            queue.submit(ReceivedImage(message, time.perf_counter()))
        inputs = self._inputs
        if self._image_source and inputs is not None:  # no subscription counts them
            inputs.rates.note({})

    def _log_error(self, text: str) -> None:
        if self.context.ok():  # after an interrupt the frame in work cannot be published, which is no error
            self.get_logger().error(text)

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._pipeline.camera_info = message

    # ---- lifecycle ----

    def bring_up(self) -> bool:
        """Configure and activate; False if one of them failed."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the weights and create the publishers."""
        return self._transition("configure", "inactive", self._configure, undo=self._forget_model)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Publish the class map, then start listening."""
        return self._transition("activate", "active", lambda: self._activate(state), undo=self._stop)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and give the device's memory back."""
        managed = super().on_deactivate  # the publishers
        return self._transition("deactivate", "inactive", lambda: (self._stop(), managed(state)))

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model and remove the publishers."""
        return self._transition("clean up", "unconfigured", self._forget_model)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate and clean up."""
        return self._transition("shut down", "finalized", self._forget_model)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Whatever a transition left behind is given up: the node is unconfigured."""
        error = self._transition_error
        self._transition("clean up", "unconfigured", self._forget_model)
        self._state, self._transition_error = "unconfigured", error or self._transition_error
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Leave the network before what it uses goes away."""
        self._stop()
        super().destroy_node()

    def _transition(
        self, verb: str, next_state: str, work: Callable[[], object], undo: Callable[[], object] | None = None
    ) -> TransitionCallbackReturn:
        """Run a transition's work; what goes wrong is logged (rclpy would swallow it) and fails the transition.

        Args:
            verb: for the log.
            next_state: the state it leads to.
            work: what is to be done.
            undo: brings the state before back; without it, or if it fails, `on_error` has to.
        """
        try:
            work()
        except Exception as error:
            self._transition_error = f"cannot {verb}: {error}"
            self.get_logger().error(self._transition_error)
            if undo is None:
                return TransitionCallbackReturn.ERROR
            try:
                undo()
            except Exception as second:
                self.get_logger().error(f"cannot go back either: {second}")
                return TransitionCallbackReturn.ERROR
            return TransitionCallbackReturn.FAILURE
        self._transition_error = ""
        self._state = next_state
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self._load()
        parameters.class_bias(self._values(), self._config.label_set)
        self._publications = Publications(self, self._config.label_set, self._value("modality") == "depth")

    def _activate(self, state: LifecycleState) -> None:
        if self._share is None:  # deactivated before
            self._load()
            self._publications.label_set = self._config.label_set  # another version may be active by now
        settings = FrameSettings.from_parameters(self._values(), self._config.label_set)
        self._pipeline = FramePipeline(settings, self._publications, self._errors, self.get_logger().info)
        publish, warn = self._publications.publish_shift, self.get_logger().warning
        self._shift_watch = ShiftWatch(self._pipeline.shift, publish, warn)
        self._queue = self._share.network.open_queue(self._pipeline, self._value("max_fps"))
        super().on_activate(state)  # the publishers may speak
        self._publications.publish_class_map(self._value("confidence_threshold"))
        on_image = None if self._image_source else self.accept
        self._inputs = CameraInputs(self, self._value("transport"), on_image, self._on_camera_info, self._errors)
        if not self._value("autostart") and self._value("bond_heartbeat_period"):  # else nobody manages it
            self._bond = ManagerBond(self, self._value("bond_heartbeat_period"))

    def _load(self) -> None:
        from madm_model.checkpoint.model_names import embedded_model, resolve_model

        started = time.perf_counter()
        modality, store = self._value("modality"), self._value("store")
        model = self._value("model") or embedded_model(modality)
        self._model_folder = resolve_model(model)
        where = self._value("device"), self._value("precision"), self._value("runtime")
        self._share = self._networks.take_share(
            NetworkKey(model, store, *where),
            lambda *tell: open_segmenter(model, store, lambda folder: self._make_segmenter(str(folder), *where), *tell),
            self._errors.report,
            self.get_logger().info,
        )
        segmenter = self._share.segmenter
        self._config = segmenter.config
        if self._config.modality != modality:
            self.get_logger().warning(
                f"model {self._config.name} is for {self._config.modality} and gets {modality} images: "
                "set model or modality"
            )
        self.get_logger().info(
            f"model {self._config.name} ({len(self._config.label_set)} classes) is ready on {segmenter.device} "
            f"({segmenter.runtime}) after {time.perf_counter() - started:.1f} s"
        )

    def _stop(self) -> None:
        """Stop listening, finish the frames in work and give the network back; harmless when already stopped.

        Where one step fails, the others are taken all the same.
        """
        with ExitStack() as steps:  # the last is taken first
            if self._share is not None:
                steps.callback(self._share.close)
            if self._queue is not None:
                steps.callback(self._queue.close)
            if self._inputs is not None:
                steps.callback(self._inputs.close)
            if self._bond is not None:
                steps.callback(self._bond.close)
            self._queue = self._pipeline = self._share = self._inputs = self._shift_watch = self._bond = None

    def _forget_model(self) -> None:
        with ExitStack() as steps:
            if self._publications is not None:
                steps.callback(self._publications.destroy)
            steps.callback(self._stop)
            self._publications = self._config = None

    # ---- parameters and diagnostics ----

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _values(self) -> dict[str, Any]:
        return {parameter.name: self._value(parameter.name) for parameter in parameters.PARAMETERS}

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        changed = {change.name: change.value for change in changes}
        classes = self._config.label_set if self._config else None
        reason = parameters.refusal(self._values(), changed, self._state != "unconfigured", classes)
        if not reason and self._state == "active":
            self._change_live(changed)
        return SetParametersResult(successful=not reason, reason=reason)

    def _change_live(self, changed: dict[str, Any]) -> None:
        """Make new values count from the next frame on; they are not stored in the node yet."""
        values = {**self._values(), **changed}
        settings = FrameSettings.from_parameters(values, self._config.label_set)
        if not any(name.startswith(f"{values['modality']}.") for name in changed):
            # The gain control's memory of the frames before stays.
            settings = replace(settings, preprocess=self._pipeline.settings.preprocess)
        self._pipeline.settings = settings
        self._queue.max_rate = values["max_fps"]
        if "confidence_threshold" in changed:
            self._publications.publish_class_map(values["confidence_threshold"])

    def _report(self) -> None:
        """Once a second: the diagnostics."""
        share, inputs, watch = self._share, self._inputs, self._shift_watch
        segmenter = share.segmenter if share else None
        folder = segmenter.model_folder if isinstance(segmenter, FollowingSegmenter) else self._model_folder
        health = NodeHealth(
            state=self._state,
            model=self._config.name if self._config else "",
            topic=inputs.images.topic if inputs and inputs.images else self._image_source,
            cameras=0,
            errors=self._errors.count,
            last_error=self._transition_error or self._errors.recent(),
            input_rate=inputs.rates.published() if inputs else 0.0,
            arrived_rate=inputs.rates.arrived() if inputs else 0.0,
            loss_advice=inputs.images.loss_advice() if inputs and inputs.images else "",
            max_fps=self._value("max_fps"),
            shift=watch.tell(folder, len(segmenter.config.label_set)) if watch and segmenter else None,
        )
        if share:
            health = with_network(health, share)
        if self._queue:
            health = with_frames(health, self._pipeline, self._queue)
        self._diagnostics.publish(diagnostic_status(self.get_fully_qualified_name(), health))


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable `segmentation_node`."""
    with ros_process("segmentation_node", args) as nodes:
        node = SegmentationNode()
        nodes.append(node)
        if node.get_parameter("autostart").value:
            node.bring_up()
        rclpy.spin(node)


if __name__ == "__main__":
    main()
