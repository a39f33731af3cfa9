"""What is wrong with a reply, as a client would find it: one file per kind of answer.

A judge returns one sentence without a full stop, or an empty string. It never raises for what a gateway sends.
"""
