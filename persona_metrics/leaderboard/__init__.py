"""The leaderboard: one row a model, ranked only among models that were measured on the same terms."""
