# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Whose checkpoints a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from madm_model.model_config import ModelError
from madm_model.training.claim import claim


def test_the_same_settings_go_on_and_others_are_named(tmp_path: Path) -> None:
    path, wanted = tmp_path / "recipe.json", {"seed": 0, "frames": {"size": [2, 4], "share": 0.1}}
    claim(path, {"seed": 5}, False, "it is used", "go")
    claim(path, wanted, False, "it is used", "go")  # nothing had come of the first
    claim(path, wanted, True, "it is used", "go")
    for other, told in (
        (wanted | {"seed": 1}, "seed"),
        (wanted | {"frames": {"size": [2, 3], "share": 1.0}}, r"frames\.size, frames\.share"),
        ({"frames": wanted["frames"]}, "seed"),
    ):
        with pytest.raises(
            ModelError, match=rf"^it is used with another {told}: go on with what .*recipe\.json says, or go$"
        ):
            claim(path, other, True, "it is used", "go")


@pytest.mark.parametrize("text", [None, "", '{"seed": '])
def test_checkpoints_of_unknown_settings_are_not_gone_on_from(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelError, match=r"^it is used with unknown settings.*: go$"):
        claim(path, {"seed": 0}, True, "it is used", "go")
