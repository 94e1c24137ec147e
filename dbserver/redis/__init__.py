"""What Redis needs: its commands, its settings."""
