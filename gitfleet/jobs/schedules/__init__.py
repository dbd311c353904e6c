"""Schedules: when they fire next, what is due, and which of them are switched on."""
