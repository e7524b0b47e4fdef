# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""SROS 2's policies as sets of rules, and what running nodes use in the same form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

FOLDER = Path(__file__).resolve().parents[2] / "config" / "security"
ACTION = "/_action/"
_INCLUDE = "{http://www.w3.org/2001/XInclude}include"

Rules = set[tuple[str, str]]
"""(what is done, full name): publish, subscribe; reply, request of services; execute, call of actions."""


def profiles(policy: str) -> dict[str, Rules]:
    """Full name of each node of config/security/POLICY.policy.xml to its rules.

    Args:
        policy: the file's name without its ending.
    """
    found = {}
    for profile in ElementTree.parse(FOLDER / f"{policy}.policy.xml").iter("profile"):
        namespace, node = profile.get("ns"), profile.get("node")
        found[f"{namespace}/{node}"] = {
            (verb, _resolved(name.text, namespace, node))
            for group in _groups(profile, FOLDER)
            for verb, qualifier in group.attrib.items()
            for name in group
            if qualifier == "ALLOW"
        }
    return found


def enclaves(policy: str) -> list[str]:
    """Paths of the enclaves of a policy."""
    return [one.get("path") for one in ElementTree.parse(FOLDER / f"{policy}.policy.xml").iter("enclave")]


def used(node: Any, namespace: str, name: str) -> Rules:
    """What the node NAMESPACE/NAME uses.

    Args:
        node: that asks the graph.
        namespace: of the other one.
        name: of the other one.
    """
    rules: Rules = set()
    by_verb = {
        "publish": node.get_publisher_names_and_types_by_node,
        "subscribe": node.get_subscriber_names_and_types_by_node,
        "reply": node.get_service_names_and_types_by_node,
        "request": node.get_client_names_and_types_by_node,
    }
    for verb, ask in by_verb.items():
        for found, _ in ask(name, namespace):
            action, is_action, part = found.partition(ACTION)
            if not is_action:
                rules.add((verb, found))
            elif part == "send_goal":  # the others come and go with it
                rules.add(("execute" if verb == "reply" else "call", action))
    return rules


def _groups(profile: ElementTree.Element, folder: Path) -> Iterator[ElementTree.Element]:
    """The lists of names in a profile, those of the files that it includes too."""
    for child in profile:
        if child.tag != _INCLUDE:
            yield child
            continue
        assert child.get("xpointer") == "xpointer(/profile/*)"
        path = folder / child.get("href")
        yield from _groups(ElementTree.parse(path).getroot(), path.parent)


def _resolved(name: str, namespace: str, node: str) -> str:
    """As SROS 2 resolves it."""
    if name.startswith("~"):
        return f"{namespace}/{node}{name[1:]}"
    return name if name.startswith("/") else f"{namespace}/{name}"
