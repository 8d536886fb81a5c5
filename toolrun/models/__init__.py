"""How is a step sampled?"""
