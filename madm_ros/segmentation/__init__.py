"""From images to labels."""
