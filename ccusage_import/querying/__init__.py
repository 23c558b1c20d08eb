"""What a warehouse may be asked: the library of named queries, and statements that only read."""
