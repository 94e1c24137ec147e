"""The verbs, by the noun that they are about: arguments in, an action called, its result shown."""
