"""Where the workers of a sweep run: each takes a share of the plan that depends on the plan alone."""
