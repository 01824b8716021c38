"""The only list of the kinds of export; add yours here and nowhere else."""

from assets.exports.ad_audience import AD_AUDIENCE
from assets.exports.code_redemptions import CODE_REDEMPTIONS
from assets.exports.code_sms import CODE_SMS
from assets.exports.codes import CODES_EXPORT
from assets.exports.entries import ENTRIES
from assets.exports.non_purchasers import NON_PURCHASERS
from assets.exports.reminder_email import REMINDER_EMAIL
from assets.exports.selected_fans import SELECTED_FANS
from assets.exports.waitlist import WAITLIST
from assets.model.export_type import Catalog, ExportType

_ALL: tuple[ExportType, ...] = (
    ENTRIES,
    CODES_EXPORT,
    WAITLIST,
    REMINDER_EMAIL,
    SELECTED_FANS,
    CODE_SMS,
    CODE_REDEMPTIONS,
    NON_PURCHASERS,
    AD_AUDIENCE,
)

CATALOG: Catalog = {export_type.name: export_type for export_type in _ALL}
