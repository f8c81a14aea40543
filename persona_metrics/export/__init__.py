"""Ways out: a run in the formats of other projects, one file a target."""
