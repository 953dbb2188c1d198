"""From a target's text to the place: a folder's path or s3://bucket/prefix."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tgserve.adapters.objects.contract import Objects, ObjectsError
from tgserve.adapters.objects.folder import FolderObjects
from tgserve.clock import Clock

S3 = "s3://"


def open_objects(target: str, s3: Mapping[str, Any], clock: Clock) -> Objects:
    """`s3`: the options of S3 targets. ObjectsError: what is wrong with the target's text or its options."""
    if target.startswith(S3):
        bucket, _, prefix = target.removeprefix(S3).partition("/")
        if not bucket:
            raise ObjectsError(f"`{target}` names no bucket: write s3://bucket/prefix")
        try:
            module = import_module("tgserve.adapters.objects.s3")
        except ImportError as fault:
            raise ObjectsError(
                f"S3 targets need one more package: pip install 'tgserve[s3]' ({fault})"
            ) from fault
        found: Objects = module.S3Objects(bucket, prefix.strip("/"), s3, clock)
        return found
    if "://" in target:
        raise ObjectsError(f"`{target}` is neither a folder nor s3://bucket/prefix")
    path = Path(target).expanduser()
    if not path.is_absolute():
        raise ObjectsError(f"`{target}`: a folder is named by its whole path, from / on")
    return FolderObjects(path)
