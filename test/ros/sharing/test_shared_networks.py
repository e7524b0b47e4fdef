# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One network for the cameras of one model, there as long as one of them has a share in it."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
from ros_helpers import FakeSegmenter

from madm_model.model_config import ModelError
from madm_ros.sharing.shared_networks import NetworkKey, SharedNetworks

KEY = NetworkKey("tiny-thermal", "", "cpu", "auto", "auto")


class Makers:
    """Makes fake segmenters, and remembers them and what they may tell."""

    def __init__(self) -> None:
        self.made: list[FakeSegmenter] = []
        self.told = None

    def __call__(self, *tell) -> FakeSegmenter:
        self.made.append(FakeSegmenter())
        self.told = tell
        return self.made[-1]


def take(networks: SharedNetworks, make, key: NetworkKey = KEY, lines: list[str] | None = None):
    lines = [] if lines is None else lines
    return networks.take_share(key, make, lines.append, lines.append)


def test_the_network_is_made_once_and_goes_with_the_last_share() -> None:
    networks, make = SharedNetworks(), Makers()
    first, second = take(networks, make), take(networks, make)
    assert first.network is second.network
    first.close()
    first.close()
    assert not make.made[0].closed
    second.close()
    assert [segmenter.closed for segmenter in make.made] == [True]
    take(networks, make).close()
    assert [segmenter.closed for segmenter in make.made] == [True, True]


def test_a_segmenter_that_tells_goes_without_a_garbage_collection() -> None:
    class Telling(FakeSegmenter):
        def __init__(self, *tell) -> None:
            super().__init__()
            self.tell = tell

    gc.disable()
    try:
        share = take(SharedNetworks(), Telling)
        segmenter = weakref.ref(share.segmenter)
        share.close()
        del share
        assert segmenter() is None
    finally:
        gc.enable()


def test_another_key_is_another_network() -> None:
    networks, make = SharedNetworks(), Makers()
    others = [replace(KEY, **{name: "other"}) for name in ("model", "store", "device", "precision", "runtime")]
    shares = [take(networks, make, key) for key in (KEY, *others)]
    assert len({id(share.network) for share in shares}) == len(shares)
    for share in shares:
        share.close()


def test_a_folder_is_the_same_however_it_is_written(tmp_path, monkeypatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    keys = {replace(KEY, model=f"{where}model", store=f"{where}store") for where in ("", "./", "~/", f"{tmp_path}/")}
    assert len(keys) == 1
    assert replace(KEY, model="link") == replace(KEY, model="model")
    assert replace(KEY, store="").store == ""


def test_what_cannot_be_made_leaves_nothing_behind() -> None:
    networks, make = SharedNetworks(), Makers()

    def fail(*tell):
        raise ModelError("it is damaged")

    with pytest.raises(ModelError, match="it is damaged"):
        take(networks, fail)
    share = take(networks, make)
    share.close()
    assert make.made[0].closed


def test_all_who_have_a_share_are_told_what_happens_to_the_network() -> None:
    networks, make = SharedNetworks(), Makers()
    lines: list[list[str]] = [[], []]
    first, second = (take(networks, make, lines=told) for told in lines)
    on_error, log_info = make.told
    on_error("version v0001 cannot be used")
    first.close()
    log_info("version v0002 segments now")
    second.close()
    assert lines == [
        ["version v0001 cannot be used"],
        ["version v0001 cannot be used", "version v0002 segments now"],
    ]
