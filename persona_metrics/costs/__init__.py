"""What calls took, and what they cost."""
