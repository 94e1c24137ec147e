"""What PostgreSQL needs: its commands, its SQL, its settings."""
