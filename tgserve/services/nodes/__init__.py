"""Several nodes, each a whole tgserve and a data centre of its own, that are one server to their users.

`charter` says which numbers are whose; `nodes` knows the nodes and lets new ones in; `homes` is the directory of phone
numbers and usernames; `visitors` keeps copies of people homed elsewhere; `carrying` brings messages to their nodes, in
order and once; `tickets` lets a client of one node fetch files from another. The sockets are server/peering.py's.

With no node added nothing of this runs: no handler is wrapped, no row is written, no number is given differently.
"""
