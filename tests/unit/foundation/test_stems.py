"""A word has one stem, whatever other threads do."""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor

from muniment.foundation.stems import stem

PARTS = ("nation", "rel", "organ", "hop", "condition", "run", "connect", "general", "trad", "oper")
ENDINGS = ("al", "ization", "ational", "fulness", "ing", "ed", "ly", "ousness", "ism", "iveness", "s", "er")


def test_threads_that_stem_at_once_give_the_stems_of_one() -> None:
    words = ["".join(random.Random(n).choices(PARTS, k=2)) + ENDINGS[n % len(ENDINGS)] for n in range(6000)]
    stem.cache_clear()
    alone = [stem(word) for word in words]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3):
            stem.cache_clear()
            with ThreadPoolExecutor(8) as pool:
                together = [pool.submit(lambda: [stem(word) for word in words]) for _ in range(8)]
            assert all(one.result() == alone for one in together)
    finally:
        sys.setswitchinterval(interval)
    assert stem("connections") == "connect"
