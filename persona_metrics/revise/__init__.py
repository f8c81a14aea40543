"""Answers that need a revision, rewritten with the critics' objections and judged again: a run of its own."""
