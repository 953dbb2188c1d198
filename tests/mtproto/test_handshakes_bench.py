import json
import sys

from scripts.bench import handshakes


def test_the_bench_runs_and_an_exchange_costs_little_more_than_its_arithmetic(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["handshakes.py", "--quick", "--count", "3"])
    handshakes.main()
    figures = json.loads(capsys.readouterr().out)
    assert figures["count"] == 3
    assert figures["ratio"] < 1.6
    assert figures["loop_ms"] < figures["cpu_ms"] / 5  # nearly all of it can leave the loop
    assert figures["cpu_ms_ahead"] < figures["cpu_ms"]
