"""Faults by the thousand, seeded and counted: `make faults`. Each module but the helpers is one loop, see `run.py`."""
