"""How is gpt-oss sampled token by token, without a server's harmony parser?"""
