"""What does the site of the docs hold beside the pages in docs/, and is it whole?"""
