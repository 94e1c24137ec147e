"""The verbs: each orchestrates, returns a frozen result and prints nothing."""
