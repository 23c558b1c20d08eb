turn != 0 AND isNotNull(at) AND NOT bitTest(taken_back, 0)
