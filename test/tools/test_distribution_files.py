# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Changelogs, the quality declaration, workflows and Dockerfiles: they parse, and what they name is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))
DOCKERFILES = [CHECKOUT / "docker" / name for name in ("Dockerfile", "Dockerfile.jetson")]
TEXTS = [*WORKFLOWS, *DOCKERFILES]


def identity(path: Path) -> str:
    return path.name


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # catkin_pkg's use of docutils
@pytest.mark.parametrize("folder", ["", "msg"])
def test_the_changelog_is_one_that_catkin_prepare_release_takes(folder: str) -> None:
    """It gives the forthcoming section the version and a date, as REP 132 wants them."""
    package_version = pytest.importorskip("catkin_pkg.package_version", reason="catkin_pkg comes with colcon")
    pytest.importorskip("docutils", reason="docutils comes with colcon")
    from catkin_pkg.changelog import Changelog, populate_changelog_from_rst

    manifest = ElementTree.parse(CHECKOUT / folder / "package.xml").getroot()
    name, version = manifest.findtext("name"), manifest.findtext("version")
    text = (CHECKOUT / folder / "CHANGELOG.rst").read_text()
    assert f"\nChangelog for package {name}\n" in text
    forthcoming = package_version.get_forthcoming_label(text)
    assert forthcoming
    released = package_version.rename_section(text, forthcoming, f"{version} (2026-12-01)")
    log = populate_changelog_from_rst(Changelog(name), released)
    assert [entry for entry, _, _ in log.foreach_version()] == [version]
    (changes,) = log.get_content_of_version(version)
    assert len(changes.bullets) > 2


def test_the_quality_declaration_links_to_what_is_there_and_the_readme_to_it() -> None:
    text = (CHECKOUT / "QUALITY_DECLARATION.md").read_text()
    assert "**Quality Level 4**" in text
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
    assert links and all((CHECKOUT / link).exists() for link in links)
    assert "(QUALITY_DECLARATION.md)" in (CHECKOUT / "README.md").read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=identity)
def test_a_workflow_has_steps_that_the_shell_reads(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        without_expressions = re.sub(r"\$\{\{.*?\}\}", "x", command)
        subprocess.run(["bash", "-n"], input=without_expressions, text=True, check=True)


def test_the_workflows_name_the_distributions_and_pythons_that_are_meant() -> None:
    matrices = {path.stem: yaml.safe_load(path.read_text())["jobs"] for path in WORKFLOWS}
    (workspace,), (wheels,) = matrices["ros"].values(), matrices["wheels"].values()
    assert workspace["strategy"]["matrix"]["distribution"] == ["humble", "jazzy", "kilted", "rolling"]
    pythons = wheels["strategy"]["matrix"]["python"]
    set_up = (CHECKOUT / "tools" / "set_up.py").read_text()
    lowest, highest = re.search(r"\((3, \d+)\) <= sys.version_info\[:2\] <= \((3, \d+)\)", set_up).groups()
    assert [pythons[0], pythons[-1]] == [bound.replace(", ", ".") for bound in (lowest, highest)]


@pytest.mark.parametrize("path", TEXTS, ids=identity)
def test_what_they_name_of_the_checkout_is_there(path: Path) -> None:
    """Paths below src/madm_ros, and what Dockerfiles copy from the checkout."""
    text = path.read_text()
    named = set(re.findall(r"src/madm_ros/([\w./-]+)", text))
    named |= {words.split()[0] for words in re.findall(r"^COPY (.+)$", text, re.MULTILINE)}
    named |= {f"launch/{name}" for name in re.findall(r"\w+\.launch\.py", text)}
    missing = sorted(name for name in named if not (CHECKOUT / name).exists())
    assert missing == []
    assert "yet" in text[: text.index("\n\n") if "\n\n" in text else None], "say at the top that it has not been run"


@pytest.mark.parametrize("path", [CHECKOUT / ".github/workflows/ros.yml", *DOCKERFILES], ids=identity)
def test_keys_that_rosdep_skips_and_requirements_that_pip_skips_exist(path: Path) -> None:
    text = path.read_text().replace("\\\n", " ")
    manifest = (CHECKOUT / "package.xml").read_text()
    (line,) = [line for line in text.splitlines() if "--skip-keys" in line]
    skipped = shlex.split(line.split("--skip-keys")[1])[0].split()
    assert skipped and all(f"<exec_depend>{key}</exec_depend>" in manifest for key in skipped)
    requirements = (CHECKOUT / "requirements" / "runtime.txt").read_text()
    for names in re.findall(r"grep -vE '\^\((.+)\)==", text):
        assert all(re.search(rf"^{name}==", requirements, re.MULTILINE) for name in names.split("|"))
    assert "requirements/runtime.txt" in text


@pytest.mark.parametrize("path", ["README.md", "docs/quick_start/robot.md", WORKFLOWS[0], *DOCKERFILES], ids=str)
def test_what_is_installed_from_pip_leaves_setuptools_as_colcon_wants_it(path: str | Path) -> None:
    """torch asks for one newer than a distribution's, and pip takes the newest, which colcon cannot use."""
    text = (CHECKOUT / path).read_text().replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if re.search(r"pip install .*-r \S*runtime\.txt", line)]
    assert re.search(r"-r \S*build\.txt", line)


@pytest.mark.parametrize("path", DOCKERFILES, ids=identity)
def test_a_dockerfile_has_instructions_that_docker_and_the_shell_read(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    instructions = [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line]
    words = [line.split()[0] for line in instructions]
    assert set(words) <= {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENTRYPOINT", "CMD"}
    assert words.index("ARG") < words.index("FROM")
    for line in instructions:
        if line.startswith("RUN "):
            subprocess.run(["bash", "-n"], input=line[4:], text=True, check=True)
    subprocess.run(["bash", "-n", CHECKOUT / "docker" / "entrypoint.sh"], check=True)
