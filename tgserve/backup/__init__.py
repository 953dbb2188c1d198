"""Backups: what a cut of the store and its chunks holds, packed into sealed blocks of a target (docs/DISK.md 12).

keys (who may read it) -> sealing (block <-> bytes) -> packs (blocks together, by hash) -> repository (a target with
its keys, index and manifests) -> creating, restoring, verifying, pruning. All of it blocks and runs in threads; none of
it knows the daemon.
"""
