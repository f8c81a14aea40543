"""Many machines: what Ray needs to know, what is read where, and one purse for all. Nothing here runs without being asked."""
