"""Full-text search: words.py folds text, index.py is the file, feed.py keeps it current, finding.py answers."""
