# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Installs madm_model and madm_ros, with launch files and configuration where ROS 2 looks for them."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "madm_ros"
SHARE = f"share/{NAME}"


def files(folder: str, *patterns: str) -> list[str]:
    """Returns the files of a top-level folder that match, relative to this one as setuptools wants them."""
    return sorted(str(path) for pattern in patterns for path in Path(folder).glob(pattern))


setup(
    name=NAME,
    version="0.1.0",
    description="MADM: label images from thermal, depth and event cameras, as a ROS 2 node.",
    author="Seed e23eb31b maintainers",
    maintainer="Seed e23eb31b maintainers",
    maintainer_email="maintainers@users.noreply.r-seed-e23eb31b.example",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["madm_model", "madm_model.*", "madm_ros", "madm_ros.*"]),
    package_data={
        "madm_model": ["weights/*", "weights/**/*", "jobs/*.html", "label_sets/*.yaml"],
        "madm_ros": ["tools/*.html"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (SHARE, ["package.xml"]),
        (f"{SHARE}/launch", files("launch", "*.launch.py")),
        (f"{SHARE}/config", files("config", "*.yaml", "*.rviz")),
        (f"{SHARE}/config/benchmark", files("config/benchmark", "*.yaml")),
        (f"{SHARE}/config/paper", files("config/paper", "*.yaml")),
        (f"{SHARE}/config/security", files("config/security", "*.xml")),
        (f"{SHARE}/config/security/common", files("config/security/common", "*.xml")),
    ],
    # The rest of what is needed is in package.xml (rosdep) and requirements/ (pip).
    install_requires=["setuptools"],
    extras_require={
        "test": ["pytest"],  # or `colcon test` does not know what to run the tests with
        "ray": ["ray>=2.60"],  # madm segment --ray
    },
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "madm = madm_model.cli.executable:madm",
            "segmentation_node = madm_ros.executables:segmentation_node",
            "event_frame_node = madm_ros.executables:event_frame_node",
            "event_seg = madm_ros.executables:event_seg",
            "cameras = madm_ros.executables:cameras",
            "adapt_server = madm_ros.executables:adapt_server",
            "record = madm_ros.executables:record",
            "cloud_labels = madm_ros.executables:cloud_labels",
            "bag_player = madm_ros.executables:bag_player",
            "launch_answers = madm_ros.executables:launch_answers",
        ],
    },
)
