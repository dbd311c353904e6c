"""Tests of `gitfleet.git`: one contract for both object stores, and every kind of hub that git can meet."""
