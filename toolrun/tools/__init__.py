"""What may the model call, does this call fit, and who runs it?"""
