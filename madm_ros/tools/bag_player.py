# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Replays a bag onto DDS where `ros2 bag` is not installed: the recorded bytes go out as they are.

python -m madm_ros.tools.bag_player recording/ --rate 0.5 --loop
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Collection

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rclpy.utilities import remove_ros_args
from rosgraph_msgs.msg import Clock

from madm_model.io.bags import BagError, BagReader, RawMessage
from madm_ros.message_types import SAME_FIELDS, message_class
from madm_ros.running import ros_process

OFFERED_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""The strongest offer: every subscriber, best-effort or reliable, volatile or transient local, matches it."""


class BagPlayer(Node):
    """Publishes the topics of a bag, each message at its time of recording after the first one.

    Args:
        bag: an open bag.
        topics: names of the topics to play; None plays all.
        clock_rate: how often a second the bag's time goes to /clock; 0: never.

    Topics whose message package is not installed are left out with a warning; a type that only changed its name since
    (`SAME_FIELDS`) is played under the new one.

    Raises:
        BagError: a named topic is not in the bag, or nothing is left to play.
    """

    def __init__(self, bag: BagReader, topics: Collection[str] | None = None, clock_rate: float = 0.0) -> None:
        super().__init__("bag_player")
        self._bag = bag
        available = bag.topics()
        wanted = list(available) if topics is None else list(topics)
        if missing := [name for name in wanted if name not in available]:
            raise BagError(f"{bag.path} has no topic {', '.join(missing)}; it has {', '.join(available)}")
        self._publishers_by_topic: dict[str, Publisher] = {}
        for name in wanted:
            type_name = SAME_FIELDS.get(available[name].type, available[name].type)
            if (kind := message_class(type_name)) is None:
                self.get_logger().warning(f"{name} is left out: no package here defines {type_name}")
            else:
                self._publishers_by_topic[name] = self.create_publisher(kind, name, OFFERED_QOS)
        self._clock_told = float("-inf")
        self._clock_period_s = 1.0 / clock_rate if clock_rate else 0.0
        self._clock_publisher = self.create_publisher(Clock, "/clock", QoSProfile(depth=1)) if clock_rate else None
        if not self._publishers_by_topic:
            raise BagError(f"{bag.path} holds nothing that can be played here")

    def wait_for_subscribers(self, timeout_s: float, topics: Collection[str] = ()) -> bool:
        """Wait until the topics are listened to; False if nobody came in time.

        Args:
            timeout_s: seconds.
            topics: all of these that are played, each as often as it is named; none: any that is played.
        """
        wanted = Counter(name for name in topics if name in self._publishers_by_topic)
        enough = all if wanted else any
        wanted = wanted or dict.fromkeys(self._publishers_by_topic, 1)
        self.get_logger().info(f"waits until someone subscribes to {', '.join(wanted)}")
        deadline = time.monotonic() + timeout_s
        while rclpy.ok() and time.monotonic() < deadline:
            counts = {name: self._publishers_by_topic[name].get_subscription_count() for name in wanted}
            if enough(counts[name] >= number for name, number in wanted.items()):
                return True
            time.sleep(0.05)
        return False

    def play(self, rate: float = 1.0) -> int:
        """Publish the bag once.

        Args:
            rate: 2 plays twice as fast as recorded.

        Returns:
            Number of messages published; it is smaller than the bag's when ROS was shut down.

        Raises:
            BagError: the bag is damaged; what came before the damage was published.
        """
        published = 0
        first_stamp_ns, started = None, time.monotonic()
        for message in self._bag.raw_messages(list(self._publishers_by_topic)):
            first_stamp_ns = message.stamp_ns if first_stamp_ns is None else first_stamp_ns
            due = started + (message.stamp_ns - first_stamp_ns) * 1e-9 / rate
            if not self._wait_for(due, message.stamp_ns, rate):
                break
            self._publish(message)
            published += 1
        return published

    def _wait_for(self, due: float, stamp_ns: int, rate: float) -> bool:
        """Sleep until a message is due, and tell the time meanwhile; False if ROS was shut down.

        Args:
            due: on time.monotonic.
            stamp_ns: the bag's time then.
            rate: bag seconds a second.
        """
        if self._clock_publisher is None:
            return _sleep_until(due)
        while (left := due - time.monotonic()) > self._clock_period_s:
            self._tell_time(stamp_ns - int(left * rate * 1e9))
            if not _sleep_until(time.monotonic() + self._clock_period_s):
                return False
        if not _sleep_until(due):
            return False
        now = time.monotonic()
        if now - self._clock_told >= self._clock_period_s:
            self._tell_time(stamp_ns)
        return True

    def _tell_time(self, stamp_ns: int) -> None:
        self._clock_told = time.monotonic()
        self._clock_publisher.publish(Clock(clock=Time(nanoseconds=stamp_ns).to_msg()))

    def wait_until_delivered(self, timeout_s: float = 2.0) -> None:
        """Wait until reliable subscribers have the last messages, so that leaving does not cut them off."""
        for publisher in self._publishers_by_topic.values():
            publisher.wait_for_all_acked(Duration(seconds=timeout_s))

    def _publish(self, message: RawMessage) -> None:
        self._publishers_by_topic[message.topic.name].publish(bytes(message.data))


def _sleep_until(due: float) -> bool:
    """Sleep in short naps, so that a shutdown is seen; False if ROS was shut down meanwhile."""
    while rclpy.ok() and (left := due - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
    return rclpy.ok()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bag_player", description="Replay a rosbag2 or ROS 1 bag onto ROS 2 topics.")
    parser.add_argument("bag", help="a bag folder, or one .mcap, .db3 or .bag file")
    parser.add_argument("--rate", type=_positive, default=1.0, help="2 plays twice as fast as recorded")
    parser.add_argument("--loop", action="store_true", help="start over at the end, until interrupted")
    parser.add_argument("--start-delay", type=float, default=0.0, metavar="S", help="seconds to wait before playing")
    parser.add_argument("--clock", type=_positive, default=0.0, metavar="HZ", help="publish the bag's time on /clock")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="play these topics only")
    parser.add_argument(
        "--wait-for-subscribers",
        type=_positive,
        metavar="S",
        help="wait up to this many seconds until a topic has a subscriber, then play in any case",
    )
    parser.add_argument(
        "--wait-for",
        nargs="+",
        default=(),
        metavar="TOPIC",
        help="until each of these topics has as many as it is named",
    )
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> None:
    with BagReader(options.bag) as bag:
        player = BagPlayer(bag, options.topics, options.clock)
        try:
            patience = options.wait_for_subscribers
            if patience and not player.wait_for_subscribers(patience, options.wait_for):
                player.get_logger().warning("nobody subscribes to the topics of the bag; playing all the same")
            _sleep_until(time.monotonic() + options.start_delay)
            told = False
            while rclpy.ok():
                count = player.play(options.rate)
                if not options.loop:
                    player.get_logger().info(f"played {count} messages of {bag.path}")
                    player.wait_until_delivered()
                    break
                if not told:
                    told = True
                    player.get_logger().info(f"played {count} messages of {bag.path}, and again until interrupted")
        finally:
            player.destroy_node()


def main(args: list[str] | None = None) -> None:
    """Entry point; ends the process with status 1 and one line on stderr when the bag cannot be played."""
    options = _parse(remove_ros_args(args)[1:])
    with ros_process("bag_player", args):
        _run(options)


if __name__ == "__main__":
    main()
