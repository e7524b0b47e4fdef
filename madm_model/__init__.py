"""MADM: semantic segmentation of depth, thermal and event cameras with a diffusion backbone.

This package holds the network, the modalities and the training. It imports no ROS;
`madm_ros` imports it, never the other way round.
"""

__version__ = "0.1.0"
