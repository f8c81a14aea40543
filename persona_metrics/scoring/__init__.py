"""Judging answers that were made elsewhere: reads them, replays them through lm-eval, writes and reads batch files."""
