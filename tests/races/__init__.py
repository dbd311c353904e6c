"""Races of real processes. `crowd` forks them from one warm interpreter, so that all start at the same moment."""
