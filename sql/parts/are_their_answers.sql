turn != 0 AND is_shown AND counts_in != 2 AND NOT bitTest(taken_back, 0)
