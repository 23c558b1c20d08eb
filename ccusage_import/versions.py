"""Versions of ccusage: the oldest whose reports are understood, the one that is installed, and what changed with which.

Every difference between them that this program knows of stands here.
"""

from __future__ import annotations

PINNED_VERSION = "20.0.24"
OLDEST_SUPPORTED = (15, 5, 0)

# Before, CLAUDE_CONFIG_DIR only added to the default directories.
READS_NAMED_DIRECTORIES_ALONE_SINCE = (15, 6, 0)
# Before, the time zone was that of the process.
TAKES_TIMEZONE_SINCE = (15, 7, 0)
# Up to this major, `session` shows today's transcript layout as one row a project, and its sub-agents as one more.
LAST_MAJOR_WITH_PROJECT_TOTALS = 18
# Before, a report took gigabytes of memory; from here on next to nothing.
FIRST_FRUGAL_MAJOR = 19
# From here on there is a command for each agent, and the reports without one add up all of them.
FIRST_MAJOR_WITH_AGENTS = 19
# 18 and older count only the first part of a streamed answer's output tokens.
COUNTS_RIGHT_SINCE = (19, 0, 0)
# From here on, usage inside agent progress lines counts for days and projects alone.
PROGRESS_LINES_SINCE = (20, 0, 0)
# From here on ccusage says itself which models it has no price for.
NAMES_UNPRICED_SINCE = (20, 0, 23)
# From here on, daily and projects come from one loader, the other reports from a second one, which counts repeated
# messages of gateways and forked sessions differently.
TWO_LOADERS_SINCE = (20, 0, 23)
