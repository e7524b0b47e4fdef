"""From event packets to edge frames."""
