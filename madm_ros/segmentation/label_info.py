# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
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
