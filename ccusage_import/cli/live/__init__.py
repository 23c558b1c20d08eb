"""Commands for programs that run beside this one."""
