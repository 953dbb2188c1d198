"""Stickers: sets that people make (sets), what everybody keeps of sets, stickers and GIFs (shelves), and the pictures
that come with the server (stock)."""
