# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Builds the interface packages under msg/ with colcon and installs them into the environment that runs this script.

Run it with the Python of the environment, after the requirements are installed:

    .venv/bin/python tools/build_interfaces.py

The packages land in the root of that environment (``share/``, ``lib/``, ``site-packages``), where the wheels of ROS 2
lie as well, so that ``import madm_msgs.msg`` works without sourcing anything. Where a ROS 2 distribution is sourced,
its packages are used and only what it lacks is built.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
WORK = CHECKOUT / "interfaces"
PREFIX = Path(sys.prefix)
PACKAGES = {
    "vision_msgs": CHECKOUT / "msg" / "wire_compatible" / "vision_msgs",
    "event_camera_msgs": CHECKOUT / "msg" / "wire_compatible" / "event_camera_msgs",
    "madm_msgs": CHECKOUT / "msg",
}
CHECK = "import rclpy, vision_msgs.msg, event_camera_msgs.msg, madm_msgs.msg, madm_msgs.srv, madm_msgs.action"


def sourced_prefixes() -> list[Path]:
    """Returns the ament prefixes of the sourced ROS 2 distribution and workspaces, without this environment's own."""
    prefixes = [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    return [prefix for prefix in prefixes if prefix.resolve() != PREFIX.resolve()]


def packages_to_build(prefixes: list[Path]) -> list[str]:
    """Returns the names of the packages that none of the prefixes has: an installed package always wins."""
    index = Path("share", "ament_index", "resource_index", "packages")
    return [name for name in PACKAGES if not any((prefix / index / name).is_file() for prefix in prefixes)]


def require_python_headers() -> None:
    """Ends the program with advice where Python.h is missing."""
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        version = sysconfig.get_python_version()
        sys.exit(
            f"The C headers of Python {version} are missing; the ROS message packages cannot be compiled.\n"
            f"Install them (Debian, Ubuntu: python{version}-dev) or name another Python: make PYTHON=/path/to/python3"
        )


def point_wheels_to_this_python() -> None:
    """Replaces the header folders of the machine that built the ROS wheels in the cmake files the wheels export."""
    import numpy

    numpy_headers = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python[\d.]+/site-packages/numpy/_?core/include")
    python_prefix = re.compile(r"/opt/python/cp\d+-cp\d+")
    for folder in (PREFIX / "share", PREFIX / "lib" / "cmake"):
        for path in folder.rglob("*.cmake"):
            old = path.read_text(encoding="utf-8", errors="surrogateescape")
            new = numpy_headers.sub(numpy.get_include(), old)
            new = python_prefix.sub(sys.base_prefix, new)
            if new != old:
                path.write_text(new, encoding="utf-8", errors="surrogateescape")


def build_environment(prefixes: list[Path]) -> dict[str, str]:
    """Returns the environment variables for colcon: this environment first, then what is sourced."""
    env = dict(os.environ)
    path_of = {
        "PATH": [PREFIX / "bin"],
        "AMENT_PREFIX_PATH": [PREFIX, *prefixes],
        "CMAKE_PREFIX_PATH": [PREFIX],
        "LD_LIBRARY_PATH": [PREFIX / "lib"],
    }
    for name, entries in path_of.items():
        inherited = [] if name == "AMENT_PREFIX_PATH" else env.get(name, "").split(os.pathsep)
        env[name] = os.pathsep.join([*map(str, entries), *filter(None, inherited)])
    # The settings of someone's own workspaces, and make's job server, are not for this build.
    env["COLCON_DEFAULTS_FILE"] = os.devnull
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "COLCON_PREFIX_PATH"):
        env.pop(name, None)
    return env


def build(names: list[str], env: dict[str, str]) -> None:
    """Builds the named packages and installs them into the environment; ends the program where colcon fails."""
    program = shutil.which("colcon", path=env["PATH"])
    if program is None:
        sys.exit("colcon is missing; it comes with the development tools of ROS 2 (python3-colcon-common-extensions).")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    colcon = [program, "--log-level", "error", "--log-base", str(WORK / "log"), "build"]
    colcon += ["--base-paths", *(str(PACKAGES[name]) for name in names)]
    colcon += ["--packages-select", *names]
    colcon += ["--build-base", str(WORK / "build"), "--merge-install", "--install-base", str(PREFIX)]
    colcon += ["--event-handlers", "console_cohesion-", "console_direct-", "status-"]
    site_packages = Path(sysconfig.get_path("purelib")).relative_to(PREFIX).as_posix()
    colcon += ["--cmake-args", f"-DPython3_EXECUTABLE={sys.executable}", f"-DPYTHON_INSTALL_DIR={site_packages}"]
    colcon += ["-DBUILD_TESTING=OFF", "-Wno-dev"]
    # colcon reads a colcon_defaults.yaml in the folder it is started in; the one of the checkout is not for this build.
    if subprocess.run(colcon, cwd=WORK, env=env).returncode != 0:
        sys.exit(f"The interface packages did not build; the log is in {WORK / 'log' / 'latest_build'}.")


def main() -> None:
    """Builds what is missing and checks that it can be imported."""
    if Path(sys.base_prefix) == PREFIX:
        sys.exit("Run this with the Python of a virtual environment: .venv/bin/python tools/build_interfaces.py")
    prefixes = sourced_prefixes()
    names = packages_to_build(prefixes)
    env = build_environment(prefixes)
    if names:
        require_python_headers()
        if not prefixes:
            point_wheels_to_this_python()
        build(names, env)
    subprocess.run([sys.executable, "-c", CHECK], env=env, check=True)


if __name__ == "__main__":
    main()
