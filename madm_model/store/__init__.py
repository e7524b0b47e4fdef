"""The version store: every result of an adaptation as an immutable folder, and which of them is active."""

from madm_model.store.store import BASE, ActiveChanged, Snapshot, StoreError, VersionStore
from madm_model.store.version import VersionInfo

__all__ = ["BASE", "ActiveChanged", "Snapshot", "StoreError", "VersionInfo", "VersionStore"]
