"""How the embedded personas are made: a census part drawn from a joint model, a person part composed on top of it."""
