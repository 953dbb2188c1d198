"""Pictures and films of strangers, looked at in child processes that can do nothing else (SECURITY 6.9).

`pool.py: Imaging` is the door; `child.py` is the process behind it. The server itself never decodes an image.
"""
