"""The only list of the kinds of export; add yours here and nowhere else."""

from assets.exports.ad_audience import AD_AUDIENCE
from assets.exports.boost_leaderboard import BOOST_LEADERBOARD
from assets.exports.campaign_summary import CAMPAIGN_SUMMARY
from assets.exports.code_redemptions import CODE_REDEMPTIONS
from assets.exports.code_sms import CODE_SMS
from assets.exports.codes import CODES_EXPORT
from assets.exports.duplicate_clusters import DUPLICATE_CLUSTERS
from assets.exports.email_engagement import EMAIL_ENGAGEMENT
from assets.exports.entries import ENTRIES
from assets.exports.geo_demand import GEO_DEMAND
from assets.exports.market_demand import MARKET_DEMAND
from assets.exports.non_purchasers import NON_PURCHASERS
from assets.exports.promoter_email_opt_ins import PROMOTER_EMAIL_OPT_INS
from assets.exports.registration_timeline import REGISTRATION_TIMELINE
from assets.exports.reminder_email import REMINDER_EMAIL
from assets.exports.scores import SCORES
from assets.exports.scoring_input import SCORING_INPUT
from assets.exports.selected_fans import SELECTED_FANS
from assets.exports.subject_access import SUBJECT_ACCESS
from assets.exports.suppression import SUPPRESSION
from assets.exports.survey_answers import SURVEY_ANSWERS
from assets.exports.waitlist import WAITLIST
from assets.model.export_type import Catalog, ExportType

_ALL: tuple[ExportType, ...] = (
    ENTRIES,
    CODES_EXPORT,
    WAITLIST,
    REMINDER_EMAIL,
    PROMOTER_EMAIL_OPT_INS,
    SELECTED_FANS,
    CODE_SMS,
    CODE_REDEMPTIONS,
    NON_PURCHASERS,
    MARKET_DEMAND,
    REGISTRATION_TIMELINE,
    SCORING_INPUT,
    SCORES,
    SURVEY_ANSWERS,
    EMAIL_ENGAGEMENT,
    SUPPRESSION,
    GEO_DEMAND,
    BOOST_LEADERBOARD,
    DUPLICATE_CLUSTERS,
    AD_AUDIENCE,
    CAMPAIGN_SUMMARY,
    SUBJECT_ACCESS,
)

CATALOG: Catalog = {export_type.name: export_type for export_type in _ALL}
