"""Scores of label images against truth."""

from madm_model.evaluation.miou import ConfusionMatrix, SegmentationScores

__all__ = ["ConfusionMatrix", "SegmentationScores"]
