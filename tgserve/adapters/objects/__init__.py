"""Where backups are put: a folder or an S3-like store, behind one small contract."""
