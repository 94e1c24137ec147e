"""A running installation of elsewhere: what it is, what of it fits, what is declared for it, how it comes back."""
