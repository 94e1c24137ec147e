"""Copies of the backups that survive the machine: where they go, how they get there and come back."""
