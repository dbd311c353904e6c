"""Processes of many hosts: what a plan selects of them, how it is kept, and how it is applied.

What happens on a host is in `onhost`, how it is reached in `hosts`. Here the answers of all hosts are put together: they are
strangers' words, checked when they come (`wire`), selected as one pool (`selection`), and kept as one plan (`plans`).
"""
