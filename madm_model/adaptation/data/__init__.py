"""What an adaptation is trained on: frames of the target, the labelled source, and batches of both."""
