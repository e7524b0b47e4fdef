# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Floods over DDS: requests, transitions, parameters and images by the dozen at once, some of them nonsense.

Every request gets its answer; after each flood the node labels a good image, and the server's store is whole.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from adaptation_samples import write_bag, write_model, write_source

from faults.report import Tally
from faults.stores import check_whole

_EACH, _AT_ONCE = 24, 8
"""Requests of one flood, and those that wait for an answer: DDS keeps the last ten, as of every ROS service."""
_ANSWER_S = 60.0
_IMAGE = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
_VALUES = [
    True,
    False,
    0,
    1,
    -1,
    2**62,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 10_000,
    "\u00e4\u00f6",
    [],
    [1, 2],
]
_VALUES += [["a", "b"], [0.5], [True], [b"\x00"], "/etc/passwd", "../..", "raw", "thermal", "depth", "cuda"]


def run(seed: int, count: int) -> Tally:
    """One flood of four at the adaptation server, the others at a segmentation node; none where there is no ROS."""
    tally = Tally("floods")
    if find_spec("rclpy") is None:
        return tally
    chance = random.Random(seed)
    with TemporaryDirectory() as folder, _robot(Path(folder)) as floods:
        for number in range(count):
            flood = floods[0] if number % 4 == 0 else chance.choice(floods[1:])
            with tally.fault(f"seed {seed}, flood {number}: {flood.__name__.strip('_')}"):
                flood(chance)
    return tally


@contextmanager
def _robot(folder: Path) -> Iterator[list[Callable[[random.Random], None]]]:
    """A node, a server and a peer; gives the floods."""
    import conftest  # noqa: F401  a DDS domain of its own
    import rclpy
    import rclpy.logging
    from rclpy.executors import MultiThreadedExecutor
    from rclpy.parameter import Parameter
    from ros_helpers import FakeSegmenter, Peer, Spun

    from madm_ros.adapt.server import AdaptServer
    from madm_ros.segmentation.node import SegmentationNode

    rclpy.init(args=[])
    rclpy.logging.set_logger_level("", rclpy.logging.LoggingSeverity.FATAL)
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    write_source(folder / "source")
    write_bag(folder / "bags" / "drive")
    values = {"store": str(folder / "store"), "model": str(write_model(folder / "base")), "device": "cpu", "threads": 1}
    values |= {"bag_roots": [str(folder / "bags"), str(folder / "source")], "cancel_grace_s": 1.0}
    server = AdaptServer(
        namespace="/madm",
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()],
        use_global_arguments=False,
    )
    node = SegmentationNode(lambda *_: FakeSegmenter(), use_global_arguments=False)
    for each in (node, server):
        each.get_logger().set_level(rclpy.logging.LoggingSeverity.FATAL)
    assert node.bring_up()
    peer = Peer(context)
    spun = [Spun(node), Spun(server, executor=MultiThreadedExecutor(4))]
    try:
        yield _floods(peer, node, folder)
    finally:
        for each in (*spun, peer):
            each.close()
        context.try_shutdown()
        rclpy.try_shutdown()


def _floods(peer: Any, node: Any, folder: Path) -> list[Callable[[random.Random], None]]:
    from lifecycle_msgs.srv import ChangeState, GetState
    from madm_msgs.srv import Activate, Adapt, Rollback
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter
    from ros_helpers import image_message, wait_until
    from sensor_msgs.msg import Image
    from std_srvs.srv import Trigger

    from madm_model.store import VersionStore
    from madm_ros.segmentation.parameters import PARAMETERS

    kinds = {
        "/madm/adapt": Adapt,
        "/madm/adapt/cancel": Trigger,
        "/madm/activate": Activate,
        "/madm/rollback": Rollback,
        "/segmentation_node/change_state": ChangeState,
        "/segmentation_node/set_parameters": SetParameters,
    }
    clients = {name: peer.node.create_client(kind, name) for name, kind in kinds.items()}
    for name, client in clients.items():
        assert client.wait_for_service(30), f"no service {name}"
    labels, publisher = peer.collect(Image, "/segmentation_node/labels"), peer.publisher(Image, "/image")
    store = VersionStore(folder / "store", folder / "base")
    defaults = [Parameter(parameter.name, value=parameter.default) for parameter in PARAMETERS if parameter.live]

    def ask(requests: list[tuple[str, Any]]) -> None:
        for first in range(0, len(requests), _AT_ONCE):
            futures = [
                (name, clients[name].call_async(request)) for name, request in requests[first : first + _AT_ONCE]
            ]
            for name, future in futures:
                wait_until(future.done, f"an answer of {name}", _ANSWER_S)
                assert future.result() is not None, f"{name} broke off"

    def check_node() -> None:
        for label in ("configure", "activate"):
            request = ChangeState.Request()
            request.transition.label = label
            peer.call(ChangeState, "/segmentation_node/change_state", request, _ANSWER_S)  # refused where it is so
        state = peer.call(GetState, "/segmentation_node/get_state", GetState.Request(), _ANSWER_S).current_state.label
        assert state == "active", f"the node is {state}"
        assert all(result.successful for result in node.set_parameters(defaults)), "a parameter cannot be set back"
        before = len(labels)
        peer.send(publisher, image_message(_IMAGE, "mono8"), lambda: len(labels) > before)

    def transitions(chance: random.Random) -> None:
        requests = []
        for _ in range(_EACH):
            request = ChangeState.Request()
            request.transition.label = chance.choice(["configure", "activate", "deactivate", "cleanup", "", "nonsense"])
            requests.append(("/segmentation_node/change_state", request))
        ask(requests)
        check_node()

    def parameters(chance: random.Random) -> None:
        names = [parameter.name for parameter in PARAMETERS] + ["", "no.such", "x" * 5000]
        requests = []
        for _ in range(_EACH):
            values = [
                Parameter(chance.choice(names), value=chance.choice(_VALUES)) for _ in range(chance.randint(0, 3))
            ]
            values = [value for value in values if value.name != "use_sim_time"]
            requests.append(
                (
                    "/segmentation_node/set_parameters",
                    SetParameters.Request(parameters=[value.to_parameter_msg() for value in values]),
                )
            )
        ask(requests)
        check_node()

    def images(chance: random.Random) -> None:
        for _ in range(_EACH):
            message = image_message(_IMAGE, chance.choice(["mono8", "mono16", "rgb8", "32FC1", _word(chance)]))
            field = chance.choice(["height", "width", "step", "data", "none"])
            if field == "data":
                message.data = bytes(chance.randrange(5000))
            elif field != "none":
                setattr(message, field, chance.choice([0, 1, 2**31, 2**32 - 1, 64]))
            message.header.stamp.sec = chance.choice([0, 1, -1, 2**31 - 1])
            message.header.frame_id = _word(chance)
            publisher.publish(message)
        check_node()

    def requests_at_the_server(chance: random.Random) -> None:
        requests: list[tuple[str, Any]] = []
        for _ in range(_EACH):
            kind = chance.choice(["adapt", "adapt", "cancel", "activate", "rollback"])
            if kind == "adapt":
                requests.append(("/madm/adapt", Adapt.Request(job=_job(chance, folder))))
            elif kind == "cancel":
                requests.append(("/madm/adapt/cancel", Trigger.Request()))
            else:
                version = chance.choice(["", "base", "v0001", "v9999", "../..", "v\u00b2", _word(chance)])
                request = (Activate if kind == "activate" else Rollback).Request(version=version)
                requests.append((f"/madm/{kind}", request))
        ask(requests)
        ask([("/madm/adapt/cancel", Trigger.Request())])
        check_whole(store)

    return [requests_at_the_server, transitions, parameters, images]


def _job(chance: random.Random, folder: Path) -> Any:
    from adapt_helpers import options
    from diagnostic_msgs.msg import KeyValue
    from madm_msgs.msg import AdaptJob

    job = AdaptJob(
        bag_uris=[str(folder / "bags" / "drive")], iterations=2, source=f"{folder / 'source'}=1", options=options()
    )
    for _ in range(chance.randint(0, 2)):
        field, value = chance.choice(
            [
                ("bag_uris", [_word(chance)]),
                ("bag_uris", []),
                ("bag_uris", [str(folder / "source")] * 50),
                ("topic", _word(chance)),
                ("iterations", chance.choice([0, 1, 2**31 - 1])),
                ("source", _word(chance)),
                ("resume_job_id", _word(chance)),
                ("options", [KeyValue(key=_word(chance), value=_word(chance))]),
                ("options", options(**{"gate.frames": chance.choice(["-1", "1e999", "nan", "x", str(10**30)])})),
            ]
        )
        setattr(job, field, value)
    return job


def _word(chance: random.Random) -> str:
    letters = string.ascii_letters + string.digits + "/.~%?#\u00e4\n "
    return "".join(chance.choice(letters) for _ in range(chance.choice([0, 1, 8, 2000])))
