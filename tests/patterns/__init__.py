"""Tests of `gitfleet.claims`. `bruteforce` holds the slow answers that the fast ones are held against."""
