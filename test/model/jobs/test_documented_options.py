# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The options that docs/adaptation.md shows are options of a job."""

from __future__ import annotations

import re

import pytest
from documents import ROOT

from madm_model.architecture import SD14
from madm_model.jobs.settings import default_settings, with_options
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig

TEXT = (ROOT / "docs" / "adaptation.md").read_text(encoding="utf-8")
SHOWN = sorted(
    {span for span in re.findall(r"`([^`\n]+)`", TEXT) if re.fullmatch(r"[a-z_.]+=\S+( [a-z_.]+=\S+)*", span)}
)
"""What stands between backticks and is one option or several."""


def test_options_are_found() -> None:
    assert {"lplr=off", "teacher.average_unet=true", "clean_noise=false dplg.noise=sampled"} <= set(SHOWN)


@pytest.mark.parametrize("shown", SHOWN)
def test_what_the_docs_show_are_options(shown: str) -> None:
    config = ModelConfig("large", SD14, STREET_11, "rgb", (512, 512), keep_aspect=False)
    settings = default_settings(config, "event", 1000, on_gpu=True)
    changed = with_options(settings, dict(option.split("=", 1) for option in shown.split()))
    assert type(changed) is type(settings)
