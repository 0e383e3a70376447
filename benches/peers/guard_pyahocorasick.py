#!/usr/bin/env python3
"""The Python peer of `cargo bench --bench guard`: fold with unicodedata, match with pyahocorasick, one core.

    cargo bench --bench guard -- --texts texts.txt --terms terms.txt
    pip install pyahocorasick
    python3 benches/peers/guard_pyahocorasick.py texts.txt terms.txt
"""
import sys
import time
import unicodedata

import ahocorasick

texts = open(sys.argv[1], encoding="utf-8").read().split("\n")
terms = open(sys.argv[2], encoding="utf-8").read().split("\n")
start = time.perf_counter()
automaton = ahocorasick.Automaton()
for number, term in enumerate(terms):
    automaton.add_word(unicodedata.normalize("NFKC", term).lower(), number)
automaton.make_automaton()
print(f"automaton built in {time.perf_counter() - start:.2f} s")
count, hits, start = 0, 0, time.process_time()
while time.process_time() - start < 3:
    for text in texts:
        folded = "".join(unicodedata.normalize("NFKC", text).lower().split())
        hits += sum(1 for _ in automaton.iter(folded))
        count += 1
print(f"pyahocorasick with NFKC: {count / (time.process_time() - start):.0f} messages/s of core time")
