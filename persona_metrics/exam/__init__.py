"""The critic's exam: cases of known outcome, and the probes made from them."""
