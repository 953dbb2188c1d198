"""Basic groups: who is in them (roster), what is done to them (life), how word of it gets around (delivery), links
into them (invites).

A group's record, members and links live in its own slot, which decides; messages live in the members' boxes like
those of private chats, the body once in the author's slot. What is done to a group is a commit of its slot and then,
by the outbox, a service message in the box of who did it, delivered to the others from there.
"""
