"""The MADM network: Stable Diffusion's UNet and VAE, the learned condition, feature projections and DAFormer head."""

from madm_model.network.madm import MADM, MADMOutput

__all__ = ["MADM", "MADMOutput"]
