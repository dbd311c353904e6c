"""Agents as files: how they are read, what their keys mean, and what is wrong with them."""
