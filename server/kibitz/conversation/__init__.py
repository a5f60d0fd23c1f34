"""Conversations: questions with their answers, in the order in which they were asked.

What a Markdown document says of one, what of it was sent, and where it is kept.
"""
