"""Programs beside the nodes."""
