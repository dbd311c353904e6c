"""Agents as jobs: their definitions, schedules, attempts, streams and what watches over them."""
