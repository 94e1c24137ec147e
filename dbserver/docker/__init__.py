"""Containers, images, networks and the host's directories, as Docker sees them."""
