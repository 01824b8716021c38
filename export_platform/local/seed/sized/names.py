"""What the campaign and its markets are called: their id, keys and names, from the recipe alone."""

from bson import ObjectId

from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.sized.recipe import Recipe
from export_platform.local.seed.sized.words import CITIES


def campaign_id(recipe: Recipe) -> ObjectId:
    """The campaign's id."""
    return object_id(Kind.CAMPAIGN, recipe.number, 0, campaign=recipe.campaign)


def market_key(number: int) -> str:
    """The slug of a market, unique in its campaign."""
    city, again = CITIES[number % len(CITIES)], number // len(CITIES)
    slug = f"{city.city} {city.region or city.country}".lower().replace(" ", "-")
    slug = slug.replace("\u00e9", "e")
    return f"{slug}-{again + 1}" if again else slug
