# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The network: shapes, sizes, what carries gradient and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from adaptation_samples import MINIATURE

from madm_model.architecture import SD14, TINY
from madm_model.network import MADM
from madm_model.network.diffusion import build_scheduler, record_outputs, tapped_modules
from madm_model.network.noise import add_noise, make_shared_noise
from madm_model.network.stage_timer import StageTimer

CLASSES = 5


@pytest.fixture(scope="module")
def network() -> MADM:
    torch.manual_seed(0)
    return MADM(TINY, CLASSES).eval()


def images(height: int = 64, width: int = 96, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_of_the_paper_network() -> None:
    with torch.device("meta"):
        network = MADM(SD14, 11)
    assert parameters(network.unet) == 859_520_964
    assert len(network.unet.state_dict()) == 686
    assert parameters(network.vae) == 83_653_863
    assert len(network.vae.state_dict()) == 248
    assert parameters(network.condition) == 179_968
    assert parameters(network.projections) == 2_245_888
    assert parameters(network.head) == 3_874_059
    assert network.uncond_inputs.shape == (1, 77, 768)
    # Specification section 10: all of the UNet but its last 12 164 parameters, and everything but the VAE
    network.freeze_fixed_parts()
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    assert trained == parameters(network) - parameters(network.vae) - 12_164


def test_paper_network_shapes_on_512_pixels() -> None:
    with torch.device("meta"):
        network = MADM(SD14, 11).eval().to("meta")  # buffers too
        batch = torch.empty(2, 3, 512, 512)
        latent, taps = network.denoise(torch.empty(2, 4, 64, 64), 0)
        with record_outputs(list(network.projections)) as projected:
            logits = network.classify(torch.empty(2, 3, 512, 512), taps)
        assert network.encode(batch).shape == (2, 4, 64, 64)
        assert network.decode(latent).shape == (2, 3, 512, 512)
    assert latent.shape == (2, 4, 64, 64)
    assert [tuple(tap.shape[1:]) for tap in taps] == [(320, 64, 64), (640, 32, 32), (1280, 16, 16)]
    assert [tuple(feature.shape[1:]) for feature in projected] == [
        (128, 512, 512),
        (512, 64, 64),
        (512, 32, 32),
        (512, 16, 16),
    ]
    assert logits.shape == (2, 11, 512, 512)


def test_tiny_is_about_seven_million_parameters_and_fits_the_repository() -> None:
    with torch.device("meta"):
        network = MADM(TINY, 11)
    assert 6e6 < parameters(network) < 8e6
    assert TINY.latent_stride == 4


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 160), (128, 32)])
def test_any_multiple_works(network: MADM, height: int, width: int) -> None:
    with torch.inference_mode():
        output = network(images(height, width))
    assert output.logits.shape == (1, CLASSES, height, width)
    assert output.latent.shape == (1, 4, height // 4, width // 4)
    assert output.decoded.shape == (1, 3, height, width)


def test_other_sizes_are_refused(network: MADM) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        network(images(64, 100))


def test_batch_equals_its_images_one_by_one(network: MADM) -> None:
    batch = images(batch=2)
    with torch.inference_mode():
        together = network(batch, 60).logits
        alone = torch.cat([network(image[None], 60).logits for image in batch])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_timestep_reaches_noise_and_unet(network: MADM) -> None:
    noisy = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        assert not torch.equal(network.denoise(noisy, 0)[0], network.denoise(noisy, 60)[0])


def test_learned_time_vector_is_added_to_the_timestep_embedding(network: MADM) -> None:
    """Same result as adding it to the output of `unet.time_embedding` (specification section 2, step 4)."""
    noisy = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    vector = torch.randn(1, 4 * TINY.unet_block_out_channels[0], generator=torch.Generator().manual_seed(4))
    prompt = network.uncond_inputs
    with torch.inference_mode():
        found = network.unet(noisy, 7, prompt, class_labels=vector).sample
        handle = network.unet.time_embedding.register_forward_hook(lambda _m, _i, output: output + vector)
        expected = network.unet(noisy, 7, prompt, class_labels=torch.zeros_like(vector)).sample
        handle.remove()
        without = network.unet(noisy, 7, prompt, class_labels=torch.zeros_like(vector)).sample
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, without)


def test_taps_are_the_last_pair_before_the_upsampler() -> None:
    with torch.device("meta"):
        unet = MADM(SD14, 11).unet
    assert tapped_modules(unet) == [unet.up_blocks[index].attentions[2] for index in (3, 2, 1)]


def test_taps_without_attention_are_the_last_resnet(network: MADM) -> None:
    assert tapped_modules(network.unet)[0] is network.unet.up_blocks[3].resnets[-1]


def test_no_hook_stays(network: MADM) -> None:
    with torch.inference_mode():
        network(images(32, 32))
    assert not any(module._forward_hooks for module in network.modules())


def test_gradient_reaches_unet_condition_projections_head_but_no_vae() -> None:
    torch.manual_seed(0)
    network = MADM(TINY, CLASSES)
    network.freeze_fixed_parts()
    output = network(images())
    assert not output.decoded.requires_grad
    (output.logits.square().mean() + output.latent.abs().mean()).backward()
    trained = {name for name, value in network.named_parameters() if value.requires_grad}
    fixed = ("vae.", "unet.conv_norm_out.", "unet.conv_out.")
    assert trained == {name for name, _ in network.named_parameters() if not name.startswith(fixed)}
    reached = {name for name, value in network.named_parameters() if value.grad is not None}
    # the time vector starts at tanh(0) * time_embed, so its embedding gets a gradient of zeros, but gets one
    assert trained == reached
    assert network.unet.conv_in.weight.grad.abs().sum() > 0
    assert network.condition.prompt_embed.grad.abs().sum() > 0


def test_head_loss_does_not_reach_the_unet_output() -> None:
    """Specification section 9.4: only the latent regression teaches the UNet's output layer's input that way."""
    torch.manual_seed(0)
    network = MADM(TINY, CLASSES)
    network(images()).logits.mean().backward()
    assert network.unet.conv_out.weight.grad is None


def test_teacher_shares_unet_and_vae_and_owns_the_rest() -> None:
    torch.manual_seed(0)
    student = MADM(TINY, CLASSES)
    teacher = student.make_teacher()
    assert teacher.unet is student.unet
    assert teacher.vae is student.vae
    for mine, copied in zip(student.averaged_modules(), teacher.averaged_modules()):
        assert mine is not copied
        assert not any(value.requires_grad for value in copied.parameters())
        for original, copy in zip(mine.state_dict().values(), copied.state_dict().values()):
            assert torch.equal(original, copy)
            assert original.data_ptr() != copy.data_ptr()
    assert all(value.requires_grad for value in student.parameters())
    with torch.no_grad():
        student.head.classifier.bias.add_(1.0)
    student.eval()
    teacher.eval()
    batch = images()
    with torch.inference_mode():
        torch.testing.assert_close(student(batch).logits, teacher(batch).logits + 1.0, rtol=1e-3, atol=1e-4)


def test_shared_noise_is_the_official_tensor() -> None:
    noise = make_shared_noise()
    assert noise.shape == (1, 4, 64, 64)
    expected = torch.tensor([1.9269153, 1.4872841, 0.9007172, -2.1055210, 0.6784186])
    torch.testing.assert_close(noise.flatten()[:5], expected, rtol=0, atol=1e-6)
    assert noise.mean().item() == pytest.approx(0.00914, abs=1e-5)
    assert noise.std().item() == pytest.approx(1.00402, abs=1e-5)


@pytest.mark.parametrize(
    ("timestep", "signal", "sigma"),
    [
        (0, 0.99957, 0.02915),
        (25, 0.98823, 0.15295),
        (50, 0.97549, 0.22005),
        (60, 0.96999, 0.24316),
        (61, 0.96942, 0.24539),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_noise_schedule(timestep: int, signal: float, sigma: float, dtype: torch.dtype) -> None:
    latent = torch.full((2, 4, 64, 64), 0.5, dtype=dtype)
    noise = make_shared_noise()
    noisy = add_noise(build_scheduler(), latent, noise, timestep)
    assert noisy.dtype == dtype
    expected = (signal * 0.5 + sigma * noise).expand(2, -1, -1, -1)
    tolerance = 1e-4 if dtype == torch.float32 else 0.008  # one bfloat16 step at the values' size
    torch.testing.assert_close(noisy.float(), expected, rtol=0, atol=tolerance)


def test_the_schedule_goes_where_the_weights_go(monkeypatch) -> None:
    network = MADM(MINIATURE, 3)
    table = network.scheduler.alphas_cumprod
    network.to("meta")  # without memory: the table is still needed
    assert network.scheduler.alphas_cumprod is table
    network = MADM(MINIATURE, 3)
    network.scheduler.alphas_cumprod, there = Elsewhere(), torch.zeros(1000)
    network.scheduler.alphas_cumprod.to = lambda device: there if device == torch.device("cpu") else None
    network.to("cpu")
    assert network.scheduler.alphas_cumprod is there


class Elsewhere:
    """A table on another device."""


def test_noise_takes_the_latents_size() -> None:
    latent = torch.zeros(1, 4, 32, 48)
    noisy = add_noise(build_scheduler(), latent, make_shared_noise(), 60)
    resized = torch.nn.functional.interpolate(make_shared_noise(), (32, 48), mode="bicubic", align_corners=False)
    torch.testing.assert_close(noisy, 0.24316 * resized, rtol=0, atol=1e-4)


def test_head_stride_averages_the_label_image() -> None:
    """At stride 2 the head sees the 2x2 means, and its logits come back at the image's size."""
    torch.manual_seed(0)
    network = MADM(replace(TINY, head_stride=2), CLASSES).eval()
    decoded = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    means = decoded.unflatten(2, (32, 2)).unflatten(4, (32, 2)).mean((3, 5))
    taps = [
        torch.randn(1, width, 16 // 2**level, 16 // 2**level)
        for level, width in enumerate(TINY.unet_block_out_channels[:3])
    ]
    with torch.inference_mode(), record_outputs([network.projections[0], network.head]) as outputs:
        logits = network.classify(decoded, taps)
        torch.testing.assert_close(outputs[0], network.projections[0](means))
    assert outputs[1].shape == (1, CLASSES, 32, 32)
    assert logits.shape == (1, CLASSES, 64, 64)


def test_stage_timer_splits_a_pass_and_leaves_no_hook(network: MADM) -> None:
    with torch.inference_mode(), StageTimer(network) as timer:
        network(images(32, 32))
    assert list(timer.milliseconds) == ["vae encoder", "unet", "vae decoder", "projections", "head"]
    assert all(value > 0 for value in timer.milliseconds.values())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
