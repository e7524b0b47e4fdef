# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What all tests share: a DDS domain of their own, no downloads, and the folder with recordings beside the checkout."""

from __future__ import annotations

import errno
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED = CHECKOUT.parent / "shared"


def free_domain_id() -> int:
    """Returns a DDS domain (1 to 101) in which no participant runs on this machine; not that of the environment.

    Processes of pytest-xdist choose at the same moment, each among domains of its own.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    taken = os.environ.get("ROS_DOMAIN_ID")
    candidates = [number for number in range(1, 102) if number % workers == worker and str(number) != taken]
    # Not the seeded generator of the tests: two runs side by side must not choose the same domain.
    random.SystemRandom().shuffle(candidates)
    for domain_id in candidates:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                # The port of the first participant's discovery traffic, by the DDS-RTPS port mapping.
                probe.bind(("", 7400 + 250 * domain_id + 10))
            except OSError:
                continue
        return domain_id
    raise RuntimeError("all DDS domains are taken on this machine")


# Set before any test module is imported; processes that tests start inherit it. A domain of the user's own is not
# respected on purpose: these tests must not talk to a robot.
os.environ["ROS_DOMAIN_ID"] = str(free_domain_id())
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["HF_HUB_OFFLINE"] = "1"
# Random networks come and go here: to compile and measure each would take minutes. Tests of runtimes name theirs.
os.environ["MADM_RUNTIME"] = "torch"
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="madm-cache-")


@pytest.fixture
def another_domain_id() -> int:
    """A DDS domain beside that of the tests, for processes that are killed: they go on being seen for 20 s."""
    return free_domain_id()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of recordings and reference outputs beside the checkout; they are no part of the repository."""
    if not SHARED.is_dir():
        pytest.skip("no folder ../shared with recordings and reference outputs beside the checkout")
    return SHARED


class SmallDisk:
    """A file system of its own, of 48 MB, that can be filled to the last byte.

    Attributes:
        path: where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, but: int = 0) -> None:
        """Leave no space, or only that many bytes."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    assert error.errno == errno.ENOSPC
            file.truncate(file.tell() - but)

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small file system, really mounted: what happens on a full disk is not only what is thought of."""
    path = tmp_path / "disk"
    path.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no command 'mount' to make a small disk with")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield SmallDisk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)
