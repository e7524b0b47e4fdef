# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What MkDocs needs beyond docs/ to make the site: what documents link to elsewhere, and the options of commands."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = "<!-- the site has every option of every command here -->"
"""Where docs/commands.md gets what the command line says of itself."""
_LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def links(source: str) -> Iterator[str]:
    """Paths in the repository that a document of it links to."""
    for _, target, _ in _LINK.findall((ROOT / source).read_text(encoding="utf-8")):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


@cache
def outside() -> dict[str, str]:
    """Path in the repository to path in the site, of what is not in docs/ and documents link to."""
    found = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
    left = [str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")] + ["CONTRIBUTING.md"]
    while left:
        for path in links(left.pop()):
            if path in found or path.startswith("docs/") or not (ROOT / path).is_file():
                continue
            if path.endswith("MODEL_CARD.md"):
                found[path] = f"cards/{Path(path).parent.name}.md"
            else:
                found[path] = f"files/{path.lstrip('.')}"
            if path.endswith(".md"):
                left.append(path)
    return found


def on_files(files: Files, config: Any) -> Files:
    """What lies outside of docs/ joins it."""
    for source, target in outside().items():
        if source == "README.md":  # docs/index.md stands for it
            continue
        file = File.generated(config, target, abs_src_path=str(ROOT / source))
        if target != "contributing.md":
            file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links that leave docs/ lead to where the site has their target, and the commands' options are filled in."""
    sources = {target: source for source, target in outside().items() if source != "README.md"}
    uri = page.file.src_uri
    folder = posixpath.dirname(sources.get(uri, f"docs/{uri}"))

    def redirected(match: re.Match[str]) -> str:
        before, link, rest = match.groups()
        path = posixpath.normpath(posixpath.join(folder, link))
        if (ROOT / path).is_dir():  # a folder has no page
            return before[1:-2]
        target = outside().get(path) or path.removeprefix("docs/")
        return before + posixpath.relpath(target, posixpath.dirname(uri) or ".") + rest

    return _LINK.sub(redirected, markdown).replace(COMMANDS, command_reference() if COMMANDS in markdown else "")


def command_reference() -> str:
    """What the command line says of every command, as Markdown."""
    import typer
    from typer.cli import get_docs_for_click

    from madm_model.cli.app import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=command.context_class(command), name="madm")
    _, begin, text = text.partition("## `madm segment`")  # before it: the list that the page begins with
    return re.sub(r"^\* `--help`: .*\n", "", begin + text, flags=re.MULTILINE).replace("```console", "```sh")
