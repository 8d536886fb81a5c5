"""What becomes of a request that no longer fits into the model's context?"""
