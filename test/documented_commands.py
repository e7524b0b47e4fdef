# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Commands in documents: whether the subcommands, options, launch files and arguments that they name are there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import typer
from documents import ROOT, fenced_blocks, without_fenced_blocks

_SEPARATORS = {";", "&&", "||", "|", "&", "(", ")", ">", "<", "\n"}
_BEFORE_A_COMMAND = re.compile(r"(do|then|sudo|time|[A-Z_]+=.*)$")
_NAMED_LATER = re.compile(r"[A-Z]+$|…|\.\.\.$")
"""A word that stands for one: `madm COMMAND --help`."""


def wrong_commands(text: str) -> list[str]:
    """What is wrong with the commands of a shell's text, each as it would have to run."""
    return [
        f"{shlex.join(words)}: {complaint}" for words in _commands(text) for complaint in _complaints(words, whole=True)
    ]


def wrong_commands_of(document: str) -> list[str]:
    """What is wrong with the commands of a document: with those in blocks, and with names in those in a sentence."""
    text = (ROOT / document).read_text(encoding="utf-8")
    wrong = [line for block in fenced_blocks(text, ("sh", "bash", "console", "")) for line in wrong_commands(block)]
    for span in re.findall(r"`([^`]+)`", without_fenced_blocks(text)):
        for words in _commands(span.replace("\\|", "|").replace("\n", " ")):
            wrong += [f"{shlex.join(words)}: {complaint}" for complaint in _complaints(words, whole=False)]
    return [f"{document}: {line}" for line in wrong]


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell's text."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters = "#" if line.count("'") != 1 else ""
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quote of a sentence
            words = line.split()
        command: list[str] = []
        for word in [*words, "\n"]:
            if word in _SEPARATORS:
                if command:
                    yield command
                command = []
            elif command or not _BEFORE_A_COMMAND.match(word):
                command.append(word)


def _complaints(words: Sequence[str], whole: bool) -> Iterator[str]:
    """What is wrong with one command; with `whole`, what it needs has to be there, too."""
    program, *arguments = words
    program = program.rpartition("/")[2]
    if program == "madm":
        yield from _madm(arguments, whole)
    elif program == "ros2":
        yield from _ros2(arguments, whole)
    elif program in ("python", "python3") and arguments[:1] == ["-m"] and len(arguments) > 1:
        yield from _module(*arguments[1:])
    elif program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        yield from (f"make knows no {word}" for word in arguments if word.isalpha() and word not in targets)


def _madm(arguments: Sequence[str], whole: bool) -> Iterator[str]:
    command, left = madm(), list(arguments)
    while hasattr(command, "commands"):
        if left and left[0] in command.commands:
            command = command.commands[left.pop(0)]
        elif left and "run" in command.commands and not left[0].startswith("-"):
            command = command.commands["run"]  # `madm benchmark CONFIG`
        elif left and not left[0].startswith("-") and not _NAMED_LATER.match(left[0]):
            yield f"there is no {left[0]}"
            return
        else:
            return
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    unknown = [
        word
        for word in left
        if word.startswith("-") and not word[1:2].isdigit() and word.partition("=")[0] not in known
    ]
    yield from (f"it has no option {word}" for word in unknown)
    if unknown or not whole or "--help" in left:
        return
    try:
        values, excess, _ = command.make_parser(command.context_class(command)).parse_args(list(left))
    except Exception as error:
        yield str(error)
        return
    if excess:
        yield f"{excess} is too much"
    missing = [
        parameter.opts[0] for parameter in command.params if parameter.required and not values.get(parameter.name)
    ]
    if missing:
        yield f"{', '.join(missing)} is missing"


def _ros2(arguments: Sequence[str], whole: bool) -> Iterator[str]:
    verb, *words = arguments or [""]
    if verb == "launch" and words[:1] == ["madm_ros"]:
        file, *settings = words[1:]
        if file not in launch_arguments():
            yield f"there is no {file}"
            return
        names = [name for name, is_set, _ in (word.partition(":=") for word in settings) if is_set]
        yield from (f"{file} has no {name}" for name in names if name not in launch_arguments()[file])
    elif verb == "run" and words[:1] == ["madm_ros"]:
        executable, *rest = words[1:]
        if executable not in executables():
            yield f"there is no {executable}"
        elif executable == "madm":
            yield from _madm(rest, whole)
        for name, _, value in (word.partition(":=") for flag, word in pairwise(rest) if flag == "-p"):
            yield from _parameter(name, value)
    elif verb == "param" and words[:1] == ["set"]:
        yield from _parameter(*words[2:4])
    elif verb in _SUFFIX and len(words) > 2 and words[2].startswith("madm_msgs/"):
        file = ROOT / "msg" / f"{words[2].removeprefix('madm_msgs/')}.{_SUFFIX[verb]}"
        yield from () if file.is_file() else (f"there is no {words[2]}",)


def _parameter(name: str, value: str) -> Iterator[str]:
    """What is wrong with the setting of a parameter."""
    if name not in parameters():
        yield f"no node has {name}"
    elif re.fullmatch(r"-?[0-9.]*\.[0-9]+", parameters()[name]) and re.fullmatch(r"-?[0-9]+", value):
        yield f"{name} is a double, {value}.0"


_SUFFIX = {"service": "srv", "action": "action"}


def _module(name: str, *arguments: str) -> Iterator[str]:
    """A module of this project, and its options by their names in its text."""
    path = ROOT / name.replace(".", "/")
    if name.partition(".")[0] not in ("madm_ros", "madm_model"):
        return
    file = path.with_suffix(".py")
    if not file.is_file():
        yield f"there is no {name}"
        return
    text = file.read_text(encoding="utf-8")
    if "argparse" in text:
        yield from (f"it has no {word}" for word in arguments if word.startswith("--") and f'"{word}"' not in text)


@cache
def madm() -> Any:
    """The command line as typer has made it."""
    from madm_model.cli.app import app

    return typer.main.get_command(app)


@cache
def executables() -> set[str]:
    """Programs that the package installs."""
    return set(re.findall(r'"(\w+) = madm_\w+\.', (ROOT / "setup.py").read_text(encoding="utf-8")))


@cache
def parameters() -> dict[str, str]:
    """Parameters of all nodes with their defaults, as the document shows them."""
    text = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([\w.]+)` \| ([^|]*?) ?\|", text, re.MULTILINE))


@cache
def launch_arguments() -> dict[str, set[str]]:
    """Names of the arguments by launch file; without ROS's launch, in whose place a process has a stand-in."""
    printed = subprocess.run([sys.executable, "-c", _PRINT_LAUNCH_ARGUMENTS], cwd=ROOT, capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    return {file: set(names) for file, names in json.loads(printed.stdout).items()}


_PRINT_LAUNCH_ARGUMENTS = """
import json, runpy, sys
from pathlib import Path
from unittest.mock import MagicMock

launch = MagicMock()
for name in ("launch", "launch.actions", "launch.substitutions", "launch.conditions", "launch.event_handlers",
             "launch.events", "launch.events.process"):
    sys.modules[name] = launch
for name in ("launch_ros", "launch_ros.actions", "launch_ros.substitutions"):
    sys.modules[name] = MagicMock()
names = {}
for file in sorted(Path("launch").glob("*.launch.py")):
    launch.DeclareLaunchArgument.reset_mock()
    runpy.run_path(str(file))["generate_launch_description"]()
    names[file.name] = [call.args[0] for call in launch.DeclareLaunchArgument.call_args_list]
print(json.dumps(names))
"""
