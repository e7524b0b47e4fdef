"""ROS 2 nodes around `madm_model`: thin, so that each can be read in one sitting."""
