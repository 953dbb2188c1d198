"""The pictures that come with the server: emoji, dice and icons of our own drawing, still and moving.

`shapes` is the paper, `faces`, `things` and `games` the drawings, `lottie` makes them move. Rules: no outlines of any
font or of any other set are copied; a drawing is code, so that it can be read and changed; the still ones
(pictures/*.webp) are painted from the same drawings by scripts/stock.py. Nothing here knows documents or the store:
services/stock does.
"""
