"""Failures that must end well: crashes at every line, hubs that go away or lie, full disks, garbage."""
