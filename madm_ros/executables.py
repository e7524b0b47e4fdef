# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The executables, as setup.py names them: each ends without a word on Ctrl-C while its libraries are imported.

Importing takes a second or two, in which Python's own answer to SIGINT is a traceback. This module imports nothing that
takes long; afterwards `running.ros_process` decides.
"""

from __future__ import annotations

import signal


def segmentation_node() -> None:
    """Images to labels."""
    _end_on_sigint()
    from madm_ros.segmentation.node import main

    main()


def event_frame_node() -> None:
    """Events to edge frames."""
    _end_on_sigint()
    from madm_ros.events.frame_node import main

    main()


def event_seg() -> None:
    """Events to labels, both nodes in one process."""
    _end_on_sigint()
    from madm_ros.events.seg import main

    main()


def cameras() -> None:
    """Labels of several cameras, their nodes in one process."""
    _end_on_sigint()
    from madm_ros.robot.cameras import main

    main()


def adapt_server() -> None:
    """Adaptation from recordings."""
    _end_on_sigint()
    from madm_ros.adapt.server import main

    main()


def record() -> None:
    """The last minutes of a camera as bags."""
    _end_on_sigint()
    from madm_ros.recorder.node import main

    main()


def cloud_labels() -> None:
    """A camera's labels on a point cloud."""
    _end_on_sigint()
    from madm_ros.clouds.node import main

    main()


def bag_player() -> None:
    """A recording's images and events as topics."""
    _end_on_sigint()
    from madm_ros.tools.bag_player import main

    main()


def launch_answers() -> None:
    """What launch files want to know."""
    _end_on_sigint()
    from madm_ros.tools.launch_answers import main

    main()


def _end_on_sigint() -> None:
    """Let the system end the process, as it does on SIGTERM: its status tells the signal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
