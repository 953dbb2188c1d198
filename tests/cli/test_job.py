"""job list, show, cancel against a real daemon."""

import json

from tests.cli.test_daemon import data, server, tgserve  # noqa: F401


def test_jobs_of_a_daemon(tgserve, data):  # noqa: F811
    assert json.loads(tgserve("job", "list", "--json").stdout) == {"jobs": []}
    assert "no job 7" in tgserve("job", "show", "7", code=1).stderr
    assert "no job 7" in tgserve("job", "cancel", "7", code=1).stderr
    tgserve("shard", "add", str(data.parent / "further"), "--json")
    tgserve("shard", "move", "0-9", "--to", "3", "--no-wait", "--json")
    (row, *_) = json.loads(tgserve("job", "list", "--json").stdout)["jobs"]
    done = json.loads(tgserve("job", "show", str(row["id"]), "--wait", "--json").stdout)
    assert (done["state"], done["fault"]) == ("done", "")
    assert (
        row["kind"] in tgserve("job", "list").stdout
        and "done" in tgserve("job", "show", str(row["id"])).stdout
    )
    assert "has ended" in tgserve("job", "cancel", str(row["id"]), code=1).stderr
