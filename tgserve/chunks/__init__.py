"""The bytes of files: content-addressed chunks, kept in packs on one or more disks. docs/DISK.md 11 is the law here."""
