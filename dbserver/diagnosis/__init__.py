"""What is wrong and why: facts that were seen, and the one table of causes that judges them. Pure."""
