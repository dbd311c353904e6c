"""Tests of `gitfleet.mergequeue`."""
