"""How does a tool write to a workspace that nothing but a checked copy may change?"""
