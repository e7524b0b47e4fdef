# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Tables of the documents, to be compared with the code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def table(document: str, first_cell: str) -> list[list[str]]:
    """Rows of the one table whose head begins with that cell: texts of the cells, Markdown as it stands."""
    lines = iter((ROOT / document).read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith(f"| {first_cell} |"):
            next(lines)  # the dashes
            break
    else:
        raise LookupError(f"{document} has no table that begins with {first_cell}")
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def code_words(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def fenced_blocks(text: str, languages: Sequence[str] | None = None) -> list[str]:
    """Texts of the blocks between fences, also indented ones; of those in certain languages, or all."""
    blocks = re.findall(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [block for _, language, block in blocks if languages is None or language in languages]


def without_fenced_blocks(text: str) -> str:
    """The text between them."""
    return re.sub(r"^ *```.*?^ *```[^\n]*\n", "", text, flags=re.DOTALL | re.MULTILINE)
