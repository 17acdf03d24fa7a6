"""Draw fruits: each is a shape with a skin, turned, moved, sized, coloured and lit a little differently every time.

A painter gets coordinates of the fruit's own (`u` to the right, `v` downwards, the fruit reaching to about 1) and a
random generator, and gives colour [h, w, 3] and coverage [h, w], both from 0 to 1.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

SIDE = 100  # pixels
FINENESS = 3  # drawn so many times larger, then reduced: smooth edges
Painted = tuple[np.ndarray, np.ndarray]
Painter = Callable[[np.ndarray, np.ndarray, np.random.Generator], Painted]


def draw(painter: Painter, rng: np.random.Generator) -> Image.Image:
    """Return one picture, SIDE x SIDE RGB, of what `painter` paints, on a light ground."""
    u, v = _coordinates(rng)
    colour, coverage = painter(u, v, rng)
    ground = np.full((*u.shape, 3), rng.uniform(0.9, 1.0)) * rng.uniform(0.97, 1.0, 3)
    picture = ground + coverage[..., None] * (np.clip(colour, 0, 1) * rng.uniform(0.9, 1.08) - ground)
    pixels = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels).reduce(FINENESS)


def _coordinates(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    line = np.linspace(-1, 1, SIDE * FINENESS)
    x, y = np.meshgrid(line - rng.uniform(-0.12, 0.12), line - rng.uniform(-0.12, 0.12))
    turn, size = rng.uniform(-0.5, 0.5), rng.uniform(0.72, 0.92)
    return (x * np.cos(turn) + y * np.sin(turn)) / size, (y * np.cos(turn) - x * np.sin(turn)) / size


def _mix(first: np.ndarray, second: np.ndarray | tuple[float, float, float], share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0, 1)[..., None]
    return first * (1 - share) + np.asarray(second) * share


def _skin(colour: tuple[float, float, float], u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ones((*u.shape, 3)) * np.clip(np.asarray(colour) + rng.uniform(-0.05, 0.05, 3), 0, 1)


def _lit(colour: np.ndarray, u: np.ndarray, v: np.ndarray, distance: np.ndarray, gloss: float) -> np.ndarray:
    """Shade like a ball (`distance` from its middle, 1 at its edge), with a highlight to the upper left."""
    height = np.sqrt(np.clip(1 - distance**2, 0, 1))
    shade = 0.45 + 0.55 * np.clip(0.85 * height - 0.3 * u - 0.35 * v, 0, 1)
    highlight = gloss * np.exp(-((u + 0.35) ** 2 + (v + 0.4) ** 2) / 0.03)
    return colour * shade[..., None] + highlight[..., None]


def apple(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """Red with yellow streaks, a hollow at the top, a stem."""
    angle = np.arctan2(u, -v)
    distance = np.hypot(u, v) / (0.9 - 0.28 * np.exp(-((angle / 0.35) ** 2)))
    streaks = np.sin(angle * rng.integers(15, 25)) * 0.25 + rng.uniform(0.0, 0.4) - distance * 0.3
    colour = _lit(_mix(_skin((0.75, 0.08, 0.1), u, rng), (0.95, 0.75, 0.25), streaks), u, v, distance, 0.5)
    stem = (np.abs(u - 0.12 * (v + 0.6) ** 2) < 0.045) & (v > -1.0) & (v < -0.5)
    return _mix(colour, (0.35, 0.22, 0.1), stem * 1.0), ((distance < 1) | stem) * 1.0


def banana(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """A yellow crescent with dark ends and brown spots."""
    angle, bend = np.arctan2(u, v + 0.85), rng.uniform(0.8, 0.9)
    across = (np.hypot(u, v + 0.85) - 1.05) / (0.27 * np.sqrt(np.clip(1 - (angle / bend) ** 2, 1e-6, 1)) + 0.03)
    colour = _skin((0.95, 0.8, 0.15), u, rng) * (1 - 0.35 * np.clip(across, -0.2, 1) ** 2)[..., None]
    spots = (np.sin(u * 31 + rng.uniform(0, 6)) * np.sin(v * 29 + rng.uniform(0, 6)) > 0.93) * 0.6
    colour = _mix(colour, (0.4, 0.25, 0.1), spots + (np.abs(angle) > 0.92 * bend))
    return colour, ((np.abs(across) < 1) & (np.abs(angle) < bend)) * 1.0


def kiwi(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """Cut across: green flesh with rays, black seeds around a white core, a brown rim."""
    angle, distance = np.arctan2(u, v), np.hypot(u * rng.uniform(1.0, 1.15), v) / 0.9
    rays = 0.5 + 0.5 * np.sin(angle * rng.integers(20, 30))
    colour = _mix(_skin((0.45, 0.7, 0.15), u, rng), (0.75, 0.88, 0.4), rays * (1 - distance))
    seeds = (np.sin(angle * 11 + 8 * np.sin(distance * 9)) > 0.75) & (np.abs(distance - 0.42) < 0.1)
    colour = _mix(_mix(colour, (0.08, 0.06, 0.04), seeds * 1.0), (0.93, 0.95, 0.8), (distance < 0.22) * 0.9)
    return _mix(colour, (0.45, 0.32, 0.18), (distance > 0.93) * 1.0), (distance < 1) * 1.0


def orange(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """An orange ball with dimples and a dark navel."""
    distance = np.hypot(u, v * rng.uniform(1.0, 1.08)) / 0.9
    dimples = 0.06 * np.sin(u * 60 + 4 * np.sin(v * 20)) * np.sin(v * 60 + 4 * np.sin(u * 20))
    colour = _lit(_skin((1.0, 0.55, 0.08), u, rng) + dimples[..., None], u, v, distance, 0.25)
    navel = np.exp(-((u - rng.uniform(-0.4, 0.4)) ** 2 + (v - rng.uniform(-0.4, 0.4)) ** 2) / 0.006)
    return _mix(colour, (0.3, 0.25, 0.08), navel), (distance < 1) * 1.0


def plum(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """A dark violet oval with a bluish bloom and a crease."""
    distance = np.hypot(u / 0.72, v / 0.92)
    bloom = 0.35 + 0.35 * np.sin(u * 5 + rng.uniform(0, 6)) * np.sin(v * 4 + rng.uniform(0, 6))
    colour = _lit(_mix(_skin((0.28, 0.08, 0.3), u, rng), (0.45, 0.42, 0.65), bloom), u, v, distance, 0.3)
    crease = np.exp(-((u - 0.25 + 0.3 * v**2) ** 2) / 0.0015) * 0.7
    return _mix(colour, (0.12, 0.03, 0.14), crease), (distance < 1) * 1.0


def lemon(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """A pale yellow oval with a tip at either end."""
    angle = np.arctan2(np.abs(v), np.abs(u))
    distance = np.hypot(u / 0.82, v / rng.uniform(0.6, 0.68)) / (1 + 0.22 * np.exp(-((angle / 0.16) ** 2)))
    grain = 0.04 * np.sin(u * 50 + 3 * np.sin(v * 30)) * np.sin(v * 50)
    colour = _lit(_skin((0.98, 0.92, 0.3), u, rng) + grain[..., None], u, v, distance, 0.2)
    return _mix(colour, (0.6, 0.65, 0.2), (np.abs(u) - 0.8) * 5), (distance < 1) * 1.0


def watermelon(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """A large green ball with dark jagged stripes from pole to pole."""
    distance = np.hypot(u * rng.uniform(0.92, 1.0), v) / 0.98
    longitude = np.arcsin(np.clip(u / np.sqrt(np.clip(1.05 - v**2, 0.05, None)), -1, 1))
    stripes = np.sin(longitude * 12 + 0.5 * np.sin(v * 25) + rng.uniform(0, 6)) * 2
    colour = _mix(_skin((0.5, 0.7, 0.3), u, rng), (0.08, 0.28, 0.1), stripes)
    return _lit(colour, u, v, distance, 0.3), (distance < 1) * 1.0


def grapes(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> Painted:
    """A bunch of small green berries, narrower downwards, under a stem."""
    colour = _skin((0.4, 0.28, 0.12), u, rng)
    coverage = ((np.abs(u) < 0.05) & (v > -1.0) & (v < -0.4)) * 1.0
    for row, count in enumerate((4, 5, 4, 3, 2, 1)):
        for column in range(count):
            x = (column - (count - 1) / 2) * 0.37 + rng.uniform(-0.05, 0.05)
            y = row * 0.29 - 0.65 + rng.uniform(-0.04, 0.04)
            distance = np.hypot(u - x, v - y) / 0.23
            berry = _lit(_skin((0.62, 0.75, 0.3), u, rng), (u - x) * 4, (v - y) * 4, distance, 0.4)
            colour = np.where((distance < 1)[..., None], berry, colour)
            coverage = np.maximum(coverage, distance < 1)
    return colour, coverage


FRUITS: dict[str, Painter] = {
    painter.__name__: painter for painter in (apple, banana, grapes, kiwi, lemon, orange, plum, watermelon)
}
