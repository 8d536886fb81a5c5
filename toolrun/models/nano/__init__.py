"""How is a gpt-oss sampled that fits in the wheel?"""
