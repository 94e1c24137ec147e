"""How a bare machine gets its parts; nothing needs this room at run time."""
