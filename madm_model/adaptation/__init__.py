"""Self-training of a MADM network on an unlabelled modality: DPLG, LPLR and what surrounds them."""
