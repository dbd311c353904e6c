"""Settings of git's as they stand in its files, for whoever has no time to ask git. Imports nothing, since hooks need it."""

_LEADS = b"\n\tpath = config.gitfleet\n"
OWN = (b"[include]" + _LEADS, b'[includeif "gitdir:/**"]' + _LEADS)
"""What `githooks.config_file` puts into the config file that all worktrees share, in small letters."""


def may_name_session(text: bytes) -> bool:
    """Whether a config file may hold a setting of the fleet's, itself or by another file that it leads to."""
    said = text.lower()
    for own in OWN:
        said = said.replace(own, b"")
    return b"[fleet" in said or b"[include" in said
