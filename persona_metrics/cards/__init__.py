"""A critic's card: what its exam found, as a file and a page, and where it is looked for."""
