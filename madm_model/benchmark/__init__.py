"""Adaptation measured: ablations and sweeps on simulated and real frames, resumable, written up as tables."""
