"""What a call costs, as ratios against the same call written by hand with urllib3: ``python -m test.benchmark``."""
