"""Benchmarks of uvloupe beside its peers, in one run: ``python -m bench --help``.

How a number comes about:

- Each measurement is a fresh process (worker.py). It finds how many operations fill the target
  time, which also warms it up, then measures once. PYTHONHASHSEED is 0; the garbage collector is
  on, as users have it.
- A round runs every variant once and then once more in reverse order (A B B A), so that a machine
  that drifts favours no one. A ratio is formed inside a round, from the mean of each side's two
  runs; the table gives the median of the rounds' ratios with their smallest and largest, and the
  median time of each variant. No table is made of minima.
- The clock is the loop thread's CPU time, which other processes disturb least; where another thread
  works too it is wall time. The JSON file holds every sample and both clocks.
- An echo server and its client (in C, so that it is never what limits) are pinned to a CPU each
  when there are two. The client lets all its connections come to rest before and after the window,
  so that the server's CPU time and the count of round trips cover exactly the same work. A plain C
  server on libuv is the control.
"""
