"""scripts/bench/codec.py keeps running, and the codec keeps its distance to a plain one."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench" / "codec.py"


def test_the_codec_bench_runs_and_is_ahead_of_telethon():
    done = subprocess.run([sys.executable, str(BENCH), "--quick"], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    for name in ("send_message", "updates", "page"):
        assert result[name]["decode_us"] > 0 and result[name]["encode_us"] > 0
        for ratio in ("decode_ratio", "encode_ratio"):
            assert result[name][ratio] is None or result[name][ratio] > 1.2
    assert result["page"]["splice_us"] < result["page"]["encode_us"]
