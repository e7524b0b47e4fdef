"""How the processes of the nodes run and end."""

from __future__ import annotations

import signal
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node


def run_until_interrupted(spin: Callable[[], None], *nodes: Node) -> None:
    """Spin until an interrupt or a shutdown from outside, then clean up.

    Args:
        spin: returns, or is ended by the interrupt.
        nodes: destroyed at the end, in this order.
    """
    try:
        spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        # A terminal and ros2 launch may both interrupt: the second time must not cut the cleaning up short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
