"""Faults by the thousand, seeded and counted: `make faults`. What the loops are is in `run.py`."""
