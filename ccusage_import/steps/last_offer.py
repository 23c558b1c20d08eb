"""The step after a whole import: writes down what ccusage showed, to say later how much more is kept."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from loguru import logger

from ccusage_import.config.kept.last_offer import LastOffer, keep_last_offer
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.import_summary import ImportOptions, ImportSummary
from ccusage_import.records import split_label


def keep_offer(configuration: Configuration, options: ImportOptions, summary: ImportSummary) -> None:
    """Write down what ccusage showed, where it showed everything; the import is done, so a failure ends nothing."""
    days = [name for name in summary.reports if split_label(name)[1] == "daily"]
    is_whole = days and not set(days) & set(summary.failed) and not summary.left_alone
    if not is_whole or (options.since, options.until) != (date.min, date.max):
        return
    offered = [record for record in summary.offered if record.report == "daily"]
    offer = LastOffer(
        summary.machine,
        datetime.now(UTC),
        tuple(sorted({split_label(name)[0] for name in days})),
        sum((record.cost_usd for record in offered), Decimal(0)),
    )
    try:
        keep_last_offer(configuration.directories.last_offer_file, offer)
    except ConfigurationError as error:
        logger.bind(reason=str(error)).warning("what ccusage showed could not be written down")
