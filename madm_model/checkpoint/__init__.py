"""Weights on disk: the project's model folder, and the import of official checkpoints into it."""
