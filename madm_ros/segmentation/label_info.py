"""Which class id means what, as vision_msgs/LabelInfo."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from vision_msgs.msg import LabelInfo, VisionClass

from madm_model.labels import LabelSet


def label_info_message(label_set: LabelSet, threshold: float, stamp: Time) -> LabelInfo:
    """The class map of a model.

    vision_msgs reserves the largest id of the label image's type, 255, for unlabelled pixels. It is left out
    of the map on purpose: nav2's semantic segmentation layer skips pixels whose id it does not know, and
    complains about every listed class that has no cost.

    Args:
        label_set: the model's classes.
        threshold: confidence below which a pixel is unlabelled, 0 to 1.
        stamp: time from which the map holds.
    """
    message = LabelInfo()
    message.header.stamp = stamp
    message.class_map = [VisionClass(class_id=index, class_name=name) for index, name in enumerate(label_set.names)]
    message.threshold = float(threshold)
    return message
