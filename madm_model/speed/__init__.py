"""How fast things are, and what a training step costs."""
