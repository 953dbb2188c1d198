"""The operator's own build of a web client, pointed here while it is served: functions over its files."""
