"""The preview that says what a change costs. Pure: the steps come in from outside, as does what the servers told."""
