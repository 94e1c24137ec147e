"""Backups: what one is, where they are, which are kept."""
