"""The embedded model, that needs no key: its file, its server, and the cores that it may use."""
