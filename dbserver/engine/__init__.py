"""Pulumi, where a verb needs it: its commands, what it says of an update, and the state of a stack."""
