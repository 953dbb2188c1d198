"""Pushes: what devices that are not connected hear of, and when.

feed.py hears of commits and lets decide.py judge; what is to be pushed lies in queue.py's rows before anything is sent,
sending.py draws it (payload.py) and hands it to the operator's ways out (adapters/push). devices.py knows who wants it.
"""
