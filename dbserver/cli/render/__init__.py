"""Results as text, by noun. Pure: a result in, text out."""
