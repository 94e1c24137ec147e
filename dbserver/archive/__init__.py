"""The continuous archive: the server's write-ahead log and base backups, from which any second comes back."""
