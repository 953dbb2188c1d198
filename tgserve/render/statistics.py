"""Statistics of a channel as TL. Graphs are JSON in the form that clients draw: columns of numbers, the first of them
the times in milliseconds. What is not counted here is a graph with an error, which clients leave out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from tgserve.services.channels.days import DAY, HOUR
from tgserve.services.channels.statistics import Average, Overview, by_hour
from tgserve.tl import types as t

NOT_KEPT: Final = t.StatsGraphError(error="This is not counted here.")
TOO_EARLY: Final = t.StatsGraphError(error="There is not enough data yet.")
BLUE: Final = "BLUE#327FE5"
GREEN: Final = "GREEN#3CBD4A"
RED: Final = "RED#E65850"
MS: Final = 1_000
AT_LEAST: Final = 2
"""Points that clients need to draw a line."""

Line = tuple[str, str, Sequence[int]]
"""(name, colour, values)"""


def graph(
    times: Sequence[int], lines: Sequence[Line], *, kind: str = "line", stacked: bool = False
) -> t.AnyStatsGraph:
    """Values of several lines over `times` (what stands on the x axis)."""
    if len(times) < AT_LEAST:
        return TOO_EARLY
    names = [f"y{number}" for number in range(len(lines))]
    drawn = {
        "columns": [
            ["x", *times],
            *([name, *values] for name, (_, _, values) in zip(names, lines, strict=True)),
        ],
        "types": {**dict.fromkeys(names, kind), "x": "x"},
        "names": {name: title for name, (title, _, _) in zip(names, lines, strict=True)},
        "colors": {name: colour for name, (_, colour, _) in zip(names, lines, strict=True)},
        "subchart": {"show": True, "defaultZoom": [times[0], times[-1]]},
        "hidden": [],
        "strokeWidth": 2,
        "stacked": stacked,
    }
    return t.StatsGraph(json=t.DataJSON(data=json.dumps(drawn, separators=(",", ":"))))


def broadcast(of: Overview) -> t.StatsBroadcastStats:
    times = [day * DAY * MS for day, _ in of.days]
    days = [one for _, one in of.days]
    nothing = t.StatsAbsValueAndPrev(current=0.0, previous=0.0)
    return t.StatsBroadcastStats(
        period=t.StatsDateRangeDays(min_date=of.since, max_date=of.until),
        followers=t.StatsAbsValueAndPrev(current=float(of.members), previous=float(of.members_before)),
        views_per_post=_averages(of, lambda one: one.views),
        shares_per_post=_averages(of, lambda one: one.shares),
        reactions_per_post=_averages(of, lambda one: one.reactions),
        views_per_story=nothing,
        shares_per_story=nothing,
        reactions_per_story=nothing,
        enabled_notifications=t.StatsPercentValue(part=float(of.hearing), total=float(of.asked)),
        growth_graph=graph(times, [("Subscribers", BLUE, [one.members for one in days])]),
        followers_graph=graph(
            times,
            [("Joined", GREEN, [one.joined for one in days]), ("Left", RED, [one.left for one in days])],
        ),
        mute_graph=NOT_KEPT,
        top_hours_graph=_hours(of),
        interactions_graph=graph(
            times,
            [("Views", BLUE, [one.views for one in days]), ("Shares", GREEN, [one.shares for one in days])],
        ),
        iv_interactions_graph=NOT_KEPT,
        views_by_source_graph=NOT_KEPT,
        new_followers_by_source_graph=NOT_KEPT,
        languages_graph=NOT_KEPT,
        reactions_by_emotion_graph=NOT_KEPT,
        story_interactions_graph=NOT_KEPT,
        story_reactions_by_emotion_graph=NOT_KEPT,
        recent_posts_interactions=[
            t.PostInteractionCountersMessage(
                msg_id=one.msg_id, views=one.views, forwards=one.shares, reactions=one.reactions
            )
            for one in of.posts
        ],
    )


def _averages(of: Overview, what: Callable[[Average], int]) -> t.StatsAbsValueAndPrev:
    """A post, now and before."""
    return t.StatsAbsValueAndPrev(current=of.now.of(what(of.now)), previous=of.before.of(what(of.before)))


def _hours(of: Overview) -> t.AnyStatsGraph:
    """Views by hour of the day (UTC), in the period."""
    week = [one for one in of.days if (one[0] + 1) * DAY > of.since]
    if not any(day.hours for _, day in week):
        return TOO_EARLY
    return graph(range(24), [("Views", BLUE, by_hour(week))])


def post(hours: Sequence[tuple[int, int]], now: int) -> t.StatsMessageStats:
    """Views of a post hour by hour, from when they were counted on; in days where that is long ago."""
    counted = dict(hours)
    if not counted:
        return t.StatsMessageStats(views_graph=TOO_EARLY, reactions_by_emotion_graph=NOT_KEPT)
    first, last = min(counted), max(counted)
    step = 1 if last - first <= 7 * 24 else 24
    first -= first % step
    until = min(last + step, now // HOUR)
    times = range(first, until + 1, step)
    values = [sum(counted.get(hour + one, 0) for one in range(step)) for hour in times]
    views = graph([hour * HOUR * MS for hour in times], [("Views", BLUE, values)])
    return t.StatsMessageStats(views_graph=views, reactions_by_emotion_graph=NOT_KEPT)
