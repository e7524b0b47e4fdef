# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A miniature of Stable Diffusion in diffusers' layout with random weights, and a server that does as the hub."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKENS, WIDTH = 7, 12


def write_base(folder: Path) -> Path:
    """UNet, VAE, text encoder and tokenizer, of which nothing has the size of the real one."""
    torch.manual_seed(3)
    UNet2DConditionModel(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=2,
        cross_attention_dim=WIDTH,
        norm_num_groups=4,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        latent_channels=4,
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=2,
    ).save_pretrained(folder / "vae")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=6,
            hidden_size=WIDTH,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=TOKENS,
        )
    ).save_pretrained(folder / "text_encoder")
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir()
    words = ("a", "b", "a</w>", "b</w>", "<|startoftext|>", "<|endoftext|>")
    (tokenizer / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    (tokenizer / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "pad_token": "<|endoftext|>"})
    )
    return folder


class Hub(ThreadingHTTPServer):
    """Serves one folder as the repository someone/mini; `asked` lists the files that were fetched."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folder, self.asked = folder, []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, *_arguments: object) -> None:
        pass

    def _answer(self, with_body: bool) -> None:
        path = self.path.split("?")[0]
        files = [file for file in sorted(self.server.folder.rglob("*")) if file.is_file()]
        names = [file.relative_to(self.server.folder).as_posix() for file in files]
        resolve = f"/someone/mini/resolve/{COMMIT}/"
        if path == "/api/models/someone/mini/revision/main":
            siblings = [{"rfilename": name} for name in names]
            self._send(json.dumps({"id": "someone/mini", "sha": COMMIT, "siblings": siblings}).encode(), with_body)
        elif path == f"/api/models/someone/mini/tree/{COMMIT}":
            tree = [
                {
                    "type": "file",
                    "path": name,
                    "size": file.stat().st_size,
                    "oid": hashlib.sha1(name.encode()).hexdigest(),
                }
                for name, file in zip(names, files)
            ]
            self._send(json.dumps(tree).encode(), with_body)
        elif path.startswith(resolve) and path.removeprefix(resolve) in names:
            name = path.removeprefix(resolve)
            self.server.asked += [name] if with_body else []
            self._send((self.server.folder / name).read_bytes(), with_body)
        else:
            self._send(b'{"error": "Repository not found"}', with_body, 404, {"X-Error-Code": "RepoNotFound"})

    def _send(self, body: bytes, with_body: bool, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)
