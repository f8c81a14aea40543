"""Personas and questions, and the pairs drawn from them."""
