"""The whole configuration of a stack as pydantic models: both rooms judge it by them; the only reader of it."""
