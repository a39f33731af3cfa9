"""The exact cache: what makes two questions the same, what may be kept, and what is said to the keeper about it.

Pure: the keeper (`extproc.keeper`) holds the entries, a session asks by yielding a `Need`.
"""
