"""The rule that keeps history, and the words in which it is told. Pure: values in, values out."""
