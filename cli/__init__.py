"""The command line. Thin: options -> a command of admin/schema/ -> the daemon -> output. Relative imports only: the
folder is installed as tgserve.cli."""
