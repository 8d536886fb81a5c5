"""What becomes of sessions whose process is killed, whose database fails, and who race?"""
