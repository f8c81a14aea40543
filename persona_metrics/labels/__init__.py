"""Labels by people: blind sheets, their files, how far the critic agrees with them, and rates that they correct."""
