"""Who may send, what they handed over, and how it is forgotten.

Everything a user typed is sealed here before it goes to the database, and opened here when it is needed.
"""
