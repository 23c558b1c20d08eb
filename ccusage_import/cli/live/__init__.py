"""Commands that go on until they are ended, and those for programs that run beside this one."""
