"""What happened, and can it happen again without a model?"""
