"""`kibitz demo`: the real server and a small editor act out the main job on a sample repository.

The replies are scripted and come from `kibitz.standin`; with ``--live`` Claude gives them.
Everything in between is what a user gets: the process, the protocol, the prompts, the edits.
"""
