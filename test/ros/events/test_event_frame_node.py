# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Event messages over DDS to edge frames, and on to labels within the process."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from event_camera_msgs.msg import EventPacket
from rcl_interfaces.srv import DescribeParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_helpers import FakeSegmenter, Peer, image_message, pixels_of, stamp_ns, wait_until
from sensor_msgs.msg import Image
from std_msgs.msg import Float32

from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_source import open_edge_frames
from madm_model.events.encoders import encode_evt3, encode_mono
from madm_model.events.messages import make_packet
from madm_model.io.bags import BagWriter
from madm_model.io.raw_message import RawMessage
from madm_model.speed.events import moving_edges
from madm_ros import silent_topic
from madm_ros.events.frame_node import EventFrameNode
from madm_ros.events.parameters import PARAMETERS
from madm_ros.events.seg import make_nodes

SHARED_BAGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "bags"
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
EVERYTHING = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
PATIENT = {"max_delay_s": 60.0}
"""A busy machine must not make the node shed load."""
WIDTH, HEIGHT = 96, 64


@pytest.fixture
def start_edges(spin: Callable[..., None]) -> Callable[..., EventFrameNode]:
    """Function that starts an event frame node with these parameters."""

    def start(**parameters: Any) -> EventFrameNode:
        overrides = [Parameter(name, value=value) for name, value in {**PATIENT, **parameters}.items()]
        node = EventFrameNode(parameter_overrides=overrides, use_global_arguments=False)
        spin(node)
        return node

    return start


def packets(count: int, first_seq: int = 0, start_us: int = 7_000_000, encoding: str = "evt3") -> list[RawMessage]:
    """Packets of 10 ms and about 500 events of edges that sweep over the sensor, from a time of its clock on."""
    events = moving_edges(WIDTH, HEIGHT, 0.05, count * 0.01)
    bounds = np.searchsorted(events.t_us, np.arange(count + 1) * 10_000)
    events = replace(events, t_us=events.t_us + start_us)
    messages = []
    for index, (start, stop) in enumerate(pairwise(bounds)):
        part = events.part(int(start), int(stop))
        payload = encode_evt3(part) if encoding == "evt3" else encode_mono(part, start_us * 1000)
        stamp, base = START + index * 10_000_000, start_us * 1000 if encoding == "mono" else 0
        messages.append(
            make_packet("/events", payload, encoding, (WIDTH, HEIGHT), first_seq + index, stamp, "dvs", base)
        )
    return messages


def write_bag(path: Path) -> Path:
    """0.6 s of packets."""
    with BagWriter(path) as bag:
        for packet in packets(60):
            bag.copy(packet)
    return path


class Watch:
    """What the node says of itself."""

    def __init__(self, peer: Peer, name: str = "/event_frame_node") -> None:
        self._name = f"{name}: events"
        self._reports = peer.collect(DiagnosticArray, "/diagnostics", EVERYTHING)

    @property
    def statuses(self) -> list[DiagnosticStatus]:
        return [status for report in self._reports for status in report.status if status.name == self._name]

    @property
    def values(self) -> dict[str, str]:
        statuses = self.statuses
        return {item.key: item.value for item in statuses[-1].values} if statuses else {}

    def wait_for(self, key: str, value: object) -> None:
        wait_until(lambda: self.values.get(key) == str(value), f"{key} {value} in {self.values}", 30)


def logged(capfd: pytest.CaptureFixture[str], level: str) -> list[str]:
    text = capfd.readouterr().err
    return re.findall(rf"^\[{level}\] \[[\d.]+\] \[event_frame_node\]: (.*)$", text, re.MULTILINE)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come is told every second."""
    for name in ("WINDOW_S", "_REPEAT_AFTER_S"):
        monkeypatch.setattr(silent_topic, name, 0.0)


def test_a_silent_topic_of_events_is_told_on_the_console(peer, start_edges, capfd, monkeypatch) -> None:
    impatient(monkeypatch)
    peer.publisher(EventPacket, "/dvs/events")
    start_edges()
    said: list[str] = []

    def told(text: str) -> bool:
        said.extend(logged(capfd, "WARN"))
        return any(line.startswith("nothing has come on /events for") and text in line for line in said)

    wait_until(lambda: told("nobody publishes there, but on /dvs/events: remap 'events'"), f"the line in {said}", 30)
    assert not any("reference_image" in line for line in said)


def test_a_silent_reference_is_told_where_frames_wait_for_it(peer, start_edges, capfd, monkeypatch) -> None:
    impatient(monkeypatch)
    start_edges(**{"edges.window": "stamps"})
    said: list[str] = []

    def told() -> bool:
        said.extend(logged(capfd, "WARN"))
        return any(line.startswith("nothing has come on /reference_image for") for line in said)

    wait_until(told, f"the line in {said}", 30)


def test_a_bag_over_dds_gives_the_frames_it_gives_offline(peer, start_edges, play, tmp_path) -> None:
    path = write_bag(tmp_path / "bag")
    expected = list(open_edge_frames(path))
    assert len(expected) == 17
    start_edges()
    edges = peer.collect(Image, "/event_frame_node/edges", EVERYTHING)
    rates = peer.collect(Float32, "/event_frame_node/event_rate")
    wait_until(lambda: peer.node.count_publishers("/event_frame_node/edges") == 1, "the edges topic")
    wait_until(lambda: rates, "the first rate")
    watch = Watch(peer)
    assert play(path) == 60
    watch.wait_for("packets", 60)
    wait_until(lambda: len(edges) >= 17, "the frames")
    for message, frame in zip(edges, expected):
        assert (message.header.frame_id, stamp_ns(message)) == ("dvs", frame.stamp_ns)
        assert (message.encoding, message.step) == ("mono8", WIDTH)
        np.testing.assert_array_equal(pixels_of(message), frame.array)
    assert watch.values["events"] == "30000" and watch.values["gaps in seq"] == "0"
    wait_until(lambda: any(rate.data > 0 for rate in rates), "a rate above zero")


def test_edges_become_labels_within_the_process(peer, spin, play, tmp_path) -> None:
    segmenter = FakeSegmenter()
    edges_node, labels_node = make_nodes(
        lambda *_: segmenter,
        parameter_overrides=[
            Parameter("max_delay_s", value=60.0),
            Parameter("modality", value="event"),
            Parameter("edges.period_s", value=0.05),
        ],
        use_global_arguments=False,
    )
    assert labels_node.bring_up()
    spin(edges_node, labels_node)
    labels = peer.collect(Image, "/event_seg/labels", EVERYTHING)
    edges = peer.collect(Image, "/event_edges/edges", EVERYTHING)
    wait_until(lambda: peer.node.count_publishers("/event_seg/labels") == 1, "the labels topic")
    assert peer.node.count_subscribers("/event_edges/edges") == 1
    assert peer.node.count_subscribers("/image") == 0
    play(write_bag(tmp_path / "bag"))
    wait_until(lambda: len(labels) >= 8 and len(edges) >= 10, "labels")
    by_stamp = {stamp_ns(message): pixels_of(message) for message in edges}
    for message in labels[:8]:
        np.testing.assert_array_equal(pixels_of(message), by_stamp[stamp_ns(message)] // 32)


def test_a_gap_in_seq_is_counted_and_survived(peer, start_edges, capfd) -> None:
    start_edges()
    watch = Watch(peer)
    publisher = peer.publisher(EventPacket, "/events")
    wait_until(publisher.get_subscription_count, "the subscription")
    sent = packets(20)
    for packet in sent[:10] + sent[13:]:
        publisher.publish(packet.data)
    watch.wait_for("packets", 17)
    assert (watch.values["gaps in seq"], watch.values["packets lost"]) == ("1", "3")
    assert watch.statuses[-1].level == DiagnosticStatus.WARN
    warnings = logged(capfd, "WARN")
    assert warnings == ["3 event packets were lost on their way"]


def test_a_silent_sensor_still_gives_frames_that_fade(peer, start_edges) -> None:
    start_edges(**{"edges.period_s": 0.05})
    edges = peer.collect(Image, "/event_frame_node/edges", EVERYTHING)
    publisher = peer.publisher(EventPacket, "/events")
    wait_until(publisher.get_subscription_count, "the subscription")
    for packet in packets(10):
        publisher.publish(packet.data)
    wait_until(lambda: len(edges) >= 8, "frames of the silence")
    sums = [int(pixels_of(message).sum()) for message in edges[:8]]
    assert sums[0] > 0 and sums[2:] == sorted(sums[2:], reverse=True) and sums[-1] < sums[1] / 10
    assert np.diff([stamp_ns(message) for message in edges[:8]]).tolist() == [50_000_000] * 7


def test_a_sensor_that_dies_is_warned_of_and_gives_no_more_frames(peer, start_edges) -> None:
    start_edges(**{"edges.period_s": 0.05, "edges.silence_s": 0.2})
    edges = peer.collect(Image, "/event_frame_node/edges", EVERYTHING)
    watch = Watch(peer)
    publisher = peer.publisher(EventPacket, "/events")
    wait_until(publisher.get_subscription_count, "the subscription")
    for packet in packets(10):
        publisher.publish(packet.data)
    wait_until(lambda: len(edges) >= 5, "the frames of the last events")

    def silent() -> bool:
        last = [(status.level, status.message[:10]) for status in watch.statuses[-3:]]
        return last == [(DiagnosticStatus.WARN, "no message")] * 3

    wait_until(silent, "warnings", 30)
    assert len(edges) == 5
    for packet in packets(10, first_seq=10, start_us=60_000_000):
        publisher.publish(packet.data)
    wait_until(lambda: len(edges) == 10, "frames of new events")


def test_a_driver_that_starts_anew_with_a_damaged_packet_gives_frames(peer, start_edges) -> None:
    start_edges(**{"edges.period_s": 0.02})
    edges = peer.collect(Image, "/event_frame_node/edges", EVERYTHING)
    watch = Watch(peer)
    publisher = peer.publisher(EventPacket, "/events")
    wait_until(publisher.get_subscription_count, "the subscription")
    for packet in packets(10, first_seq=70, start_us=3_600_000_000, encoding="mono"):
        publisher.publish(packet.data)
    watch.wait_for("packets", 10)
    damaged = make_packet("/events", np.zeros(8, np.uint8), "mono", (WIDTH, HEIGHT), 0, START, "dvs", (1 << 64) - 1)
    publisher.publish(damaged.data)
    watch.wait_for("packets failed", 1)
    before = sum(pixels_of(message).any() for message in edges)
    for packet in packets(30, first_seq=1, start_us=0, encoding="mono"):
        publisher.publish(packet.data)
    # Frames of the silence in between are black.
    wait_until(lambda: sum(pixels_of(message).any() for message in edges) >= before + 10, "frames after the restart")


def test_a_reference_image_without_a_header_is_one_error(peer, start_edges, capfd) -> None:
    start_edges(**{"edges.window": "stamps"})
    watch = Watch(peer)
    images = peer.publisher(Image, "/reference_image")
    wait_until(images.get_subscription_count, "the subscription")
    images.publish(b"\0\1\0\0\7")
    wait_until(lambda: watch.statuses and watch.statuses[-1].level == DiagnosticStatus.ERROR, "the error")
    (error,) = logged(capfd, "ERROR")
    assert "/reference_image" in error and "no readable header" in error


def test_an_unknown_encoding_is_one_clear_error(peer, start_edges, capfd) -> None:
    start_edges()
    watch = Watch(peer)
    publisher = peer.publisher(EventPacket, "/events")
    wait_until(publisher.get_subscription_count, "the subscription")
    for seq in range(20):
        packet = make_packet("/events", np.zeros(8, np.uint8), "morse", (WIDTH, HEIGHT), seq, START + seq, "dvs")
        publisher.publish(packet.data)
    watch.wait_for("packets failed", 20)
    (error,) = logged(capfd, "ERROR")
    assert "morse" in error and "evt3" in error
    wait_until(lambda: watch.statuses[-1].level == DiagnosticStatus.ERROR, "the error in the diagnostics")
    for packet in packets(5, first_seq=20):
        publisher.publish(packet.data)
    watch.wait_for("packets", 5)


def test_another_message_type_on_the_topic_is_named(peer, start_edges, capfd) -> None:
    start_edges()
    watch = Watch(peer)
    peer.publisher(Image, "/events")
    wait_until(lambda: watch.statuses and watch.statuses[-1].level == DiagnosticStatus.ERROR, "the error")
    (error,) = logged(capfd, "ERROR")
    assert "/peer publishes sensor_msgs/msg/Image on /events" in error and "EventPacket" in error


def test_best_effort_drivers_are_heard_and_reliable_ones_reliably(peer, start_edges) -> None:
    node = start_edges()
    watch = Watch(peer)
    best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    driver = peer.node.create_publisher(EventPacket, "/events", best_effort)
    wait_until(driver.get_subscription_count, "the subscription")
    peer.send(driver, packets(1)[0].data, lambda: watch.values.get("packets", "0") != "0", "packets")
    peer.node.destroy_publisher(driver)
    player = peer.publisher(EventPacket, "/events")

    def reliable() -> bool:
        infos = node.get_subscriptions_info_by_topic("/events")
        return [info.qos_profile.reliability for info in infos] == [ReliabilityPolicy.RELIABLE]

    wait_until(reliable, "a reliable subscription")
    wait_until(player.get_subscription_count, "the subscription")


def test_what_the_user_sets_wins_for_events_and_reference_images(peer, start_edges) -> None:
    topics = ("/events", "/reference_image")
    overrides = {f"qos_overrides.{topic}.subscription.reliability": "best_effort" for topic in topics}
    node = start_edges(**overrides, **{"edges.window": "stamps"})
    for kind, topic in zip((EventPacket, Image), topics):
        peer.publisher(kind, topic)

    def found() -> list[ReliabilityPolicy]:
        infos = [info for topic in topics for info in node.get_subscriptions_info_by_topic(topic)]
        return [info.qos_profile.reliability for info in infos]

    wait_until(lambda: found() == [ReliabilityPolicy.BEST_EFFORT] * 2, "two best-effort subscriptions")
    refused = Parameter("qos_overrides./refused/events.subscription.reliability", value="sometimes")
    with pytest.raises(ValueError, match=r"/events.*reliability is 'sometimes': it has to be one of best_available"):
        # In a namespace: what is left of it must not be taken for another test's node.
        EventFrameNode(parameter_overrides=[refused], namespace="refused", use_global_arguments=False)


def test_frames_in_step_with_images_bear_their_stamps(peer, start_edges) -> None:
    # Events wait long enough for a busy machine to bring the images.
    start_edges(**{"edges.window": "stamps", "edges.lookback_s": 10.0})
    edges = peer.collect(Image, "/event_frame_node/edges", EVERYTHING)
    events = peer.publisher(EventPacket, "/events")
    images = peer.publisher(Image, "/reference_image")
    wait_until(lambda: events.get_subscription_count() and images.get_subscription_count(), "the subscriptions")
    wanted = [START + 30_000_000 + 7, START + 55_000_000, START + 81_000_000]
    sent = packets(12)
    for packet in sent[:2]:
        events.publish(packet.data)
    wait_until(lambda: peer.node.count_publishers("/event_frame_node/edges") == 1, "the edges topic")
    watch = Watch(peer)
    watch.wait_for("packets", 2)
    for stamp in wanted:
        image = image_message(np.zeros((4, 4), np.uint8), "mono8")
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp, SECOND)
        images.publish(image)
    for packet in sent[2:]:
        events.publish(packet.data)
    wait_until(lambda: len(edges) == 3, "three frames")
    assert [stamp_ns(message) for message in edges] == wanted
    assert all(pixels_of(message).any() for message in edges)


def test_load_is_shed_with_a_counted_drop(peer, start_edges, capfd) -> None:
    node = start_edges(max_delay_s=0.05)
    blocked, release = threading.Event(), threading.Event()

    def hold(message: Image) -> None:
        blocked.set()
        release.wait(30)

    node.on_edges = hold
    watch = Watch(peer)
    publisher = peer.publisher(EventPacket, "/events")
    wait_until(publisher.get_subscription_count, "the subscription")
    sent = packets(40)
    for packet in sent[:8]:
        publisher.publish(packet.data)
    wait_until(blocked.is_set, "the first frame")
    wait_until(lambda: float(watch.values.get("delay [ms]", 0)) > 50, "a backlog")
    for packet in sent[8:]:
        publisher.publish(packet.data)
    wait_until(lambda: int(watch.values["packets shed"]) > 0, "dropped packets")
    release.set()
    wait_until(lambda: int(watch.values["packets"]) + int(watch.values["packets shed"]) == 40, "all packets")
    assert watch.values["packets lost"] == "0"
    assert any("cannot keep up: dropped" in line for line in logged(capfd, "WARN"))


def test_parameters_are_described_and_change_live(peer, start_edges) -> None:
    node = start_edges()
    names = [parameter.name for parameter in PARAMETERS]
    request = DescribeParameters.Request(names=names)
    described = peer.call(DescribeParameters, "/event_frame_node/describe_parameters", request).descriptors
    assert all(descriptor.description for descriptor in described)
    edges = peer.collect(Image, "/event_frame_node/edges", EVERYTHING)
    publisher = peer.publisher(EventPacket, "/events")
    wait_until(publisher.get_subscription_count, "the subscription")
    changes = {"edges.window": "count", "edges.count": 500, "edges.mode": "polarity"}
    assert node.set_parameters_atomically([Parameter(name, value=value) for name, value in changes.items()]).successful
    wait_until(lambda: peer.node.count_publishers("/event_frame_node/edges") == 1, "the edges topic")
    for packet in packets(4):
        publisher.publish(packet.data)
    wait_until(lambda: len(edges) == 4, "a frame every 500 events")
    assert 100 < np.median(pixels_of(edges[-1])) < 156


@pytest.mark.parametrize(("name", "value", "words"), [("edges.mode", "canny", "canny"), ("edges.radius", 9, "radius")])
def test_values_that_make_no_sense_are_refused(start_edges, name, value, words) -> None:
    (result,) = start_edges().set_parameters([Parameter(name, value=value)])
    assert not result.successful and words in result.reason


def test_every_field_of_the_edge_configuration_is_a_parameter() -> None:
    declared = {parameter.name for parameter in PARAMETERS if parameter.name.startswith("edges.")}
    assert declared == {f"edges.{field.name}" for field in fields(EdgeConfig)}


@pytest.mark.parametrize(
    ("bag", "messages", "events"),
    [
        ("events_evt3", 517, 343_474),
        ("events_evt3_trigger", 105, 82_469),
        ("events_libcaer", 201, 334_331),
        ("events_mono", 2, 100),
        ("events_libcaer_mcap", 100, 571_266),
    ],
)
def test_real_bags_become_edges_and_labels(peer, spin, play, bag: str, messages: int, events: int) -> None:
    path = SHARED_BAGS / bag
    if not path.exists():
        pytest.skip("the recordings of ../shared/data/bags are not beside this checkout")
    overrides = [Parameter("max_delay_s", value=60.0), Parameter("modality", value="event")]
    # In this namespace `events` is the topic of the recordings.
    nodes = make_nodes(
        lambda *_: FakeSegmenter(),
        parameter_overrides=overrides,
        namespace="/event_camera",
        use_global_arguments=False,
    )
    assert nodes[1].bring_up()
    spin(*nodes)
    edges = peer.collect(Image, "/event_camera/event_edges/edges", EVERYTHING)
    labels = peer.collect(Image, "/event_camera/event_seg/labels", EVERYTHING)
    watch = Watch(peer, "/event_camera/event_edges")
    wait_until(lambda: peer.node.count_publishers("/event_camera/event_seg/labels") == 1, "the labels topic")
    assert play(path) == messages
    watch.wait_for("events", events)
    assert watch.values["packets"] == str(messages) and watch.values["packets lost"] == "0"
    wait_until(lambda: labels and any(pixels_of(message).any() for message in edges), "edges and labels")
    made = {stamp_ns(message): pixels_of(message) for message in edges}
    seen = [message for message in labels if stamp_ns(message) in made]
    assert seen
    for message in seen:
        np.testing.assert_array_equal(pixels_of(message), made[stamp_ns(message)] // 32)
