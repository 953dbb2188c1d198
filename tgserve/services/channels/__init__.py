"""Channels and supergroups: one box each, written once for all, told to whoever is online."""
