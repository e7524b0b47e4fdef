"""A few of the faults that `make faults` makes by the thousand; those are made in processes of their own."""

from __future__ import annotations

from contextlib import suppress

import pytest
from faults.event_recordings import faults

from madm_model.io.frames import InputError


def test_damaged_events_are_survived(tmp_path):
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    pytest.importorskip("h5py", reason="h5py is not installed")
    survived = 0
    for what, function, arguments in faults(1, 45, tmp_path):
        try:
            with suppress(InputError):
                function(*arguments)
        except Exception as error:
            pytest.fail(f"{what}: {error!r}")
        survived += 1
    assert survived == 45
