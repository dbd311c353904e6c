"""The read model: what the fleet knows, as rows that are ready to be shown, built in one place for all who show them.

A row is a TypedDict of what JSON can say, and is printed as it stands: the command line, a web page, MCP and the library
show the same. One module per noun has its rows, with a docstring for each field, and the functions that build them. A row
whose name ends in `Answer` is all that one command answers. Times are seconds, moments are seconds since 1970 (UTC). The
JSON schemas in docs/reference are derived from these types (`schema`).

Where a command that is asked for often needs a module, it does without `from __future__ import annotations`: Python compiles
each annotation of a TypedDict that is a text, which took 3 ms of every claim.
"""
