"""A synthetic street: colour, depth, thermal and labels of one drive, from a seed."""

from madm_model.simulator.config import SimulatorConfig
from madm_model.simulator.street import SimulatedFrame, StreetSimulator, sample_frame

__all__ = ["SimulatedFrame", "SimulatorConfig", "StreetSimulator", "sample_frame"]
