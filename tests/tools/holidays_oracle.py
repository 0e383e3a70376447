"""Compares recorded holidays with those of the package `holidays`, an independent collection.

Reads lines `day PLACE DATE` (public holidays), `work PLACE DATE` (make-up working days) and `year PLACE YEAR` (years
covered) from standard input. Writes `extra PLACE DATE` for what is recorded and not in the package, and
`missing PLACE DATE NAME` for the reverse. Countries with parts are compared part by part.
"""

import sys
from collections import defaultdict

import holidays

# Which collections of the package make up the public holidays of a country.
CATEGORIES = {
    "HK": ("public", "optional"),
    "CA": ("public", "government"),
}
# Départements of Alsace have one name in the package.
SUBDIVISIONS = {"FR-67": "6AE", "FR-68": "6AE"}


def recorded():
    days, work, years = defaultdict(set), defaultdict(set), defaultdict(set)
    for line in sys.stdin:
        kind, place, value = line.split()
        {"day": days, "work": work, "year": years}[kind][place].add(value)
    return days, work, years


def calendar(place, years):
    country, _, part = place.partition("-")
    options = {"years": [int(y) for y in years], "language": "en_US"}
    if part:
        options["subdiv"] = SUBDIVISIONS.get(place, part)
    if country in CATEGORIES:
        options["categories"] = CATEGORIES[country]
    return holidays.country_holidays(country, **options)


def main():
    days, work, years = recorded()
    for place in sorted(years):
        if "-" not in place and any(other.startswith(place + "-") for other in years):
            continue
        known = calendar(place, years[place])
        names = {d.isoformat(): name for d, name in known.items() if str(d.year) in years[place]}
        for date in sorted(days[place] - set(names)):
            print("extra", place, date)
        for date in sorted(set(names) - days[place]):
            print("missing", place, date, names[date])
        swapped = {d.isoformat() for d in known.weekend_workdays if str(d.year) in years[place]}
        for date in sorted(work[place] ^ swapped):
            print("work", place, date)


main()
