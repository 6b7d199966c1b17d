"""Enforcement as it runs on the bus, beside its peers: `make bench`.

    python benchmarks/enforcement.py [--records N] [--rounds N] [--cases NAME,…] [--only NAME,…]

On one broker, the same preloaded bytes, the same commit interval; the contenders take turns (ABBA)
and their outputs are compared. Without options all cases run in full, about 40 minutes on 2 cores.
Writes build/bench/enforcement.json and build/bench/enforcement.svg.
"""

from contest.command import main

if __name__ == "__main__":
    main()
