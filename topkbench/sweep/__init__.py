"""Many runs: plans of them, and the workers that train them."""
