"""What runs on a host that is asked: it looks at the processes there, judges them, and acts on what a plan says.

This package stands alone. It needs Python 3.8 and its standard library, and imports nothing else of gitfleet, so that it can
be sent to a host that has only `python3`. Installed or sent, it is the same code: what a host decides does not depend
on how the code came there.
"""
