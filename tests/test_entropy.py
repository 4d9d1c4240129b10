"""Random octets are given out once, to whatever thread, and never twice over a fork."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from modemd import entropy


def test_no_octets_are_given_twice() -> None:
    with ThreadPoolExecutor(8) as threads:
        nonces = list(threads.map(lambda _: entropy.octets(12), range(20_000)))
    assert {len(nonce) for nonce in nonces} == {12}
    assert len(set(nonces)) == len(nonces)


def test_a_forked_child_has_octets_of_its_own() -> None:
    entropy.octets(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, entropy.octets(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != entropy.octets(16)
