# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The networks of one process: cameras of one model find each other here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path

from madm_model.checkpoint.model_names import resolve_model
from madm_ros.sharing.shared_network import SegmenterLike, SharedNetwork

Tell = Callable[[str], object]
Open = Callable[[Tell, Tell], SegmenterLike]
"""Makes a segmenter, and runs it once; gets what is called with an error, and with a line for the log."""


@dataclass(frozen=True)
class NetworkKey:
    """What cameras have in common that can use one network."""

    model: str
    """Name or folder of the model; the store's base where there is one."""
    store: str
    """Folder of versions whose active one segments; empty: the model."""
    device: str
    """Where it runs."""
    precision: str
    """In which number format."""
    runtime: str
    """What runs it."""

    def __post_init__(self) -> None:
        """However a folder is written, it is one."""
        object.__setattr__(self, "model", str(resolve_model(self.model).resolve()))
        object.__setattr__(self, "store", self.store and str(Path(self.store).expanduser().resolve()))


@dataclass
class _Entry:
    shares: list[NetworkShare] = field(default_factory=list)
    network: SharedNetwork | None = None


class SharedNetworks:
    """Networks by what they are made of, each there as long as someone has a share in it. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: dict[Hashable, _Entry] = {}

    def take_share(self, key: Hashable, make: Open, on_error: Tell, log_info: Tell) -> NetworkShare:
        """A share in the network of that key, which is made if nobody has one yet.

        Args:
            key: of the network.
            make: makes its segmenter; what it raises goes through.
            on_error: gets one line when something is wrong with the network, as long as the share is not closed.
            log_info: gets one line when something changes.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            share = NetworkShare(self, key, on_error, log_info)
            entry.shares.append(share)
            try:
                if entry.network is None:
                    entry.network = SharedNetwork(
                        make(
                            lambda text: [one.on_error(text) for one in list(entry.shares)],
                            lambda text: [one.log_info(text) for one in list(entry.shares)],
                        )
                    )
            except BaseException:  # an interrupt, too
                del self._entries[key]
                raise
            share.network = entry.network
            return share

    def give_back(self, share: NetworkShare) -> None:
        """Close a share; with the last one the network goes."""
        with self._lock:
            entry = self._entries.get(share.key)
            if entry is None or share not in entry.shares:
                return
            entry.shares.remove(share)
            if not entry.shares:
                del self._entries[share.key]
                # Its segmenter refers to the entry, which has to tell: in a circle, it would wait for the collector.
                network, entry.network = entry.network, None
                network.close()


class NetworkShare:
    """One camera's share in a network.

    Args:
        networks: where it comes from.
        key: of the network.
        on_error: as of `SharedNetworks.take_share`.
        log_info: likewise.
    """

    network: SharedNetwork

    def __init__(self, networks: SharedNetworks, key: Hashable, on_error: Tell, log_info: Tell) -> None:
        self.key, self.on_error, self.log_info = key, on_error, log_info
        self._networks = networks

    @property
    def segmenter(self) -> SegmenterLike:
        """What the network runs."""
        return self.network.segmenter

    def close(self) -> None:
        """Give the share back, and the network's memory with the last one; a second call does nothing."""
        self._networks.give_back(self)
