"""What a run would ask for, cost and show, worked out before it makes a call."""
