"""The critic's exam: cases of known outcome, the probes made from them, and the card that a critic gets for its verdicts."""
