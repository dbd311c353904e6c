"""Tests of `gitfleet.ledger`."""
