"""What does a step cost, beside the loops that people write by hand?"""
