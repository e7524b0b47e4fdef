# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Documents: links lead somewhere, commands and modules are such as there are, and Python runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from documented_commands import launch_arguments, madm, wrong_commands, wrong_commands_of
from documents import ROOT, code_words, fenced_blocks, table, without_fenced_blocks

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "madm_model/weights/*/*.md")
    for path in ROOT.glob(pattern)
)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\"")
_ADDRESS = re.compile(r"[a-z]+:")


def anchors(document: Path) -> set[str]:
    """What a heading is called in a link, as GitHub and the site have it."""
    text = without_fenced_blocks(document.read_text(encoding="utf-8"))
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*?)\s*#*$", text, re.MULTILINE):
        shown = re.sub(r"[`*]|!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).strip().replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if number == 0 else f"{slug}_{number}" for slug, last in found.items() for number in range(last + 1)}


def broken_links(document: Path) -> list[str]:
    """Links and pictures of a document that lead nowhere: no such file, or no such heading."""
    broken = []
    for pair in _LINK.findall(without_fenced_blocks(document.read_text(encoding="utf-8"))):
        link = "".join(pair)
        if _ADDRESS.match(link):
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / file) if file else document
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            broken.append(f"{document.name}: {link}")
    return broken


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    assert broken_links(ROOT / document) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_such_as_there_are(document: str) -> None:
    assert wrong_commands_of(document) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_are_where_they_are_said_to_be(document: str) -> None:
    spans = code_words((ROOT / document).read_text(encoding="utf-8"))
    paths = [span for span in spans if re.fullmatch(r"(madm_(ros|model)|test|tools|launch|config)/[\w./]*", span)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_the_segmenter_from_python(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    blocks = fenced_blocks((ROOT / document).read_text(encoding="utf-8"), ("python",))
    (block,) = [block for block in blocks if "Segmenter" in block]
    frames = tmp_path / "my_bag"
    frames.mkdir()
    for index in range(2):
        np.save(frames / f"{index}.npy", np.random.default_rng(index).integers(0, 16384, (48, 64), np.uint16))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, document, "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("(48, 64)" in line for line in lines)


def test_every_command_is_in_the_table() -> None:
    told = {words.split()[1] for row in table("docs/commands.md", "command") for words in code_words(row[0])}
    assert told == madm().commands.keys()


class _Plain(yaml.SafeLoader):
    """Reads mkdocs.yml without what it names in Python."""


_Plain.add_multi_constructor("", lambda loader, suffix, node: None)


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    def pages(part: Any) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [page for one in (part if isinstance(part, list) else part.values()) for page in pages(one)]

    told = pages(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Plain)["nav"])
    present = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").glob("**/*.md")}
    assert sorted(told) == sorted(present | {"contributing.md"})


def test_what_the_site_takes_from_the_code_is_there() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    told = re.findall(r"^::: ([\w.]+)\n    options: {(?:members: \[(.*?)\])?", text, re.MULTILINE)
    assert len(told) > 5
    for module, members in told:
        path = ROOT / module.replace(".", "/")
        code = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
        for member in filter(None, members.split(", ")):
            assert re.search(rf"^(class|def) {member}\b", code, re.MULTILINE), f"{module} has no {member}"
    (marker,) = re.findall(r'^COMMANDS = "(.*)"', (ROOT / "tools" / "docs_site.py").read_text(), re.MULTILINE)
    assert marker in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# One `two`: three\n\n```sh\n# no heading\n```\n", encoding="utf-8")
    (tmp_path / "a.md").write_text(
        '[a](b.md) [b](b.md#one-two-three) [c](https://c) ![](d.png) [e](b.md#no-heading) <img src="f.png">\n[g](#g)\n',
        encoding="utf-8",
    )
    assert broken_links(tmp_path / "a.md") == ["a.md: d.png", "a.md: b.md#no-heading", "a.md: f.png", "a.md: #g"]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("madm segmnt bag --out x", "there is no segmnt"),
        ("madm segment bag --ou x", "no option --ou"),
        ("madm segment bag", "--out is missing"),
        ("madm simulate bag --out x", "too much"),
        (".venv/bin/madm segment --out x  # a bag", "inputs is missing"),
        ("for x in a b; do madm data chek $x; done", "there is no chek"),
        ("ros2 launch madm_ros thermal.launch.py", "there is no thermal.launch.py"),
        ("ros2 launch madm_ros thermal_seg.launch.py \\\n  image:=/a", "has no image"),
        ("ros2 run madm_ros records", "there is no records"),
        ("ros2 run madm_ros record --ros-args -p topics:=/a", "no node has topics"),
        ("ros2 param set /n no_such 1", "no node has no_such"),
        ("ros2 param set /n thermal.min_span 64   # counts", "is a double, 64.0"),
        ("ros2 run madm_ros record --ros-args -p quota_gb:=5", "is a double, 5.0"),
        ("ros2 service call /madm/adapt madm_msgs/srv/Adopt", "there is no madm_msgs/srv/Adopt"),
        ("cd x && python -m madm_ros.tools.demos", "there is no madm_ros.tools.demos"),
        ("python -m madm_ros.tools.demo --sensor depth", "it has no --sensor"),
        ("make dem", "make knows no dem"),
    ],
)
def test_a_wrong_command_is_seen(command: str, complaint: str) -> None:
    (wrong,) = wrong_commands(command)
    assert complaint.lower() in wrong.lower()


@pytest.mark.parametrize(
    "command",
    [
        "madm segment bag --out x --stride 3",
        "madm benchmark config/benchmark/simulator.yaml --only depth",
        "madm versions x | tail",
        "ros2 launch madm_ros adapt.launch.py bag_roots:=/a   # namespace:=b",
        "sudo apt install x; make demo",
    ],
)
def test_a_right_command_passes(command: str) -> None:
    assert wrong_commands(command) == []


def test_launch_arguments_are_found_without_launch() -> None:
    assert launch_arguments().keys() == {path.name for path in (ROOT / "launch").glob("*.launch.py")}
    assert {"image_topic", "rviz", "store"} <= launch_arguments()["thermal_seg.launch.py"]
    assert "events_topic" not in launch_arguments()["thermal_seg.launch.py"]
