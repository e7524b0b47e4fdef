"""Event cameras: packets and files -> events -> edge frames, the third modality (specification section 14)."""
