"""What shall exist: the declarations of the stack."""
