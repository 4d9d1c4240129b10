"""Benchmarks: ratios to a limit or a peer measured in the same run. They never gate the tests.

make bench                     all of them
make bench ARGS="pool --help"  one of them
"""
