"""config.json: what goes in comes out, and what is wrong is named."""

from __future__ import annotations

import json

import pytest

from madm_model.architecture import SD14, TINY, Architecture
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig, ModelError


def config() -> ModelConfig:
    return ModelConfig("a-model", TINY, STREET_11, "thermal", (256, 320), True)


def test_round_trip(tmp_path):
    config().save(tmp_path)
    assert ModelConfig.load(tmp_path) == config()


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        ModelConfig.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        ModelConfig.load(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("modality", "radar", "unknown modality 'radar'"),
        ("classes", ["only"], "1 class names but 11 colours"),
        ("input_size", [100, 320], "multiples of 32"),
        ("architecture", {}, "architecture lacks"),
        ("format_version", 9, "format_version is 9"),
    ],
)
def test_wrong_values_are_named(tmp_path, field, value, message):
    data = config().to_dict() | {field: value}
    (tmp_path / "config.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match=message):
        ModelConfig.load(tmp_path)


def test_missing_field_is_named(tmp_path):
    data = config().to_dict()
    del data["palette"]
    (tmp_path / "config.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match="'palette' is missing"):
        ModelConfig.load(tmp_path)


def test_unknown_architecture_field_is_refused():
    with pytest.raises(ValueError, match="unknown fields depth"):
        Architecture.from_dict(TINY.to_dict() | {"depth": 3})


def test_strides():
    assert (SD14.latent_stride, SD14.size_multiple) == (8, 64)
    assert (TINY.latent_stride, TINY.size_multiple) == (4, 32)


def test_folders_of_before_there_were_students_hold_madm(tmp_path):
    config().save(tmp_path)
    data = json.loads((tmp_path / "config.json").read_text())
    assert data.pop("network") == "madm"
    (tmp_path / "config.json").write_text(json.dumps(data))
    assert ModelConfig.load(tmp_path) == config()
