"""What does a key exchange cost the server? CPU of its side in memory, and of the arithmetic it cannot do without.

  python scripts/bench/handshakes.py [--quick] [--count N]

The mini client is the other side and is not counted. The yardstick, in the same run: one RSA-2048 CRT and two 2048-bit
powers by gmpy2, nothing else. `ahead`: with g^a made before, as the daemon does in idle time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

from gmpy2 import mpz, powmod

from tgserve.ids import Ids
from tgserve.mtproto.dh import PRIME, G
from tgserve.mtproto.handshake import Handshakes, RsaKey, Work
from tgserve.testing.miniclient import ExchangeOptions, KeyExchange

NOW = 1_700_000_000.0


def cpu_ms(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return (time.process_time() - start) * 1e3


def exchange_ms(
    handshakes: Handshakes, rsa: RsaKey, ids: Ids, options: ExchangeOptions
) -> tuple[float, float]:
    """CPU of one exchange on the server's side, and the part of it on the loop's thread."""
    exchange = KeyExchange(rsa.public, ids, options)
    body: bytes | None = exchange.start()
    total = light = 0.0
    while body is not None:
        start = time.process_time()
        step = handshakes.receive(body, now=NOW)
        light += time.process_time() - start
        while isinstance(step, Work):
            middle = time.process_time()
            result = step.run()
            end = time.process_time()
            step = step.finish(result, NOW)
            total += end - middle
            light += time.process_time() - end
        if step.new_key is not None and step.body is not None:
            handshakes.settled(step.new_key, step.body)
        body = exchange.receive(step.body or b"")
    return (total + light) * 1e3, light * 1e3


def arithmetic(rsa: RsaKey, ids: Ids) -> None:
    """The least an exchange can be: the private power in halves, and two powers in the group."""
    value, exponent = mpz(ids.below(rsa.n)), ids.below(PRIME)
    dp, dq, q_inverse = rsa.crt
    below = powmod(value, dq, rsa.q)
    below + q_inverse * (powmod(value, dp, rsa.p) - below) % rsa.p * rsa.q
    powmod(powmod(G, exponent, PRIME), exponent, PRIME)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="8 exchanges of each kind instead of 60")
    parser.add_argument("--count", type=int, default=0)
    arguments = parser.parse_args()
    count = arguments.count or (8 if arguments.quick else 60)
    ids, rsa = Ids(), RsaKey.generate()
    handshakes = Handshakes(rsa, ids)
    ahead = Handshakes(rsa, ids, pool_size=count)
    while (task := ahead.pool.task()) is not None:
        ahead.pool.put(task())
    new, old = ExchangeOptions("rsa_pad", dc_id=2), ExchangeOptions("old")
    raw, padded, old_padded, with_pairs, light = [], [], [], [], []
    for _ in range(count):  # interleaved, so that a busy machine is unfair to all alike
        raw.append(cpu_ms(lambda: arithmetic(rsa, ids)))
        total, loop = exchange_ms(handshakes, rsa, ids, new)
        padded.append(total)
        light.append(loop)
        old_padded.append(exchange_ms(handshakes, rsa, ids, old)[0])
        with_pairs.append(exchange_ms(ahead, rsa, ids, new)[0])
    base = statistics.median(raw)
    figures = {
        "bench": "handshakes",
        "count": count,
        "cpu_ms": round(statistics.median(padded), 3),
        "cpu_ms_old_padding": round(statistics.median(old_padded), 3),
        "cpu_ms_ahead": round(statistics.median(with_pairs), 3),
        "loop_ms": round(statistics.median(light), 3),
        "arithmetic_ms": round(base, 3),
        "ratio": round(statistics.median(padded) / base, 3),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
