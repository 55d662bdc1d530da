"""Broken input that the import must refuse, and the true reason that it must give."""

from dataclasses import replace

import numpy as np
import pyvista as pv

from einthoven.base.core.tags import Surface
from helpers.import_catalogue import (
    WORDS,
    Body,
    body,
    measured_mesh,
    parts,
    poly,
    scaled,
    untagged,
    written,
)


def with_heart(folder, heart, **more):
    return written(folder, replace(body(), heart=heart), **more)


def with_torso(folder, torso):
    return written(folder, replace(body(), torso=torso))


def file_of(name, text="no surface"):
    def kind(folder):
        (folder / name).write_text(text)
        return written(folder, body(), name)

    return kind


def of_row(**changes):
    return lambda folder: written(folder, body())._replace(**changes)


def sites_of(change):
    def kind(folder):
        row = written(folder, body())
        lines = (folder / "sites.csv").read_text().splitlines()
        (folder / "sites.csv").write_text("\n".join(change(lines)))
        return row

    return kind


def holed(name, reach_mm, tag=None):
    def kind(folder):
        whole = body()
        surface = getattr(whole, name)
        centres = surface.points[surface.faces].mean(axis=1)
        rows = np.arange(len(centres)) if tag is None else np.flatnonzero(surface.face_tags == tag)
        place = centres[rows[centres[rows, 2].argmin() if tag else len(rows) // 2]]
        gone = np.linalg.norm(centres - place, axis=1) < reach_mm
        if tag:
            gone &= surface.face_tags == tag
        return written(folder, replace(whole, **{name: surface.only(~gone)}))

    return kind


def retagged(change):
    def kind(folder):
        heart = body().heart
        return with_heart(folder, replace(heart, face_tags=change(heart.face_tags.copy())))

    return kind


def swapped(one, other):
    def change(tags):
        ones, others = tags == one, tags == other
        tags[ones], tags[others] = other, one
        return tags

    return retagged(change)


def scattered(tags):
    return np.random.default_rng(0).permutation(tags)


def renamed(old, new):
    def change(tags):
        tags[tags == old] = new
        return tags

    return retagged(change)


def inner_wall(folder):
    torso = body().torso
    a, b, c = torso.faces[0]
    far = int(np.linalg.norm(torso.points - torso.points[a], axis=1).argmax())
    faces = np.vstack([torso.faces, [[a, b, far], [b, c, far], [c, a, far]]])
    return with_torso(folder, replace(torso, faces=faces, face_tags=np.zeros(len(faces), int)))


def pinched(folder):
    torso = body().torso
    far = int(np.linalg.norm(torso.points - torso.points[0], axis=1).argmax())
    return with_torso(folder, replace(torso, faces=np.where(torso.faces == far, 0, torso.faces)))


def two_torsos(folder):
    torso = body().torso
    shift = np.array([450.0, 0, 0])
    both = np.vstack([torso.points, torso.points + shift])
    faces = np.vstack([torso.faces, torso.faces + len(torso.points)])
    return with_torso(
        folder, replace(torso, points=both, faces=faces, face_tags=np.zeros(len(faces), int))
    )


def folded_torso(folder):
    torso = body().torso
    points = torso.points.copy()
    points[points[:, 2] > 0] *= [-1, 1, 1]
    return with_torso(folder, replace(torso, points=points))


def pushed_through(folder):
    heart = body().heart
    outside = np.unique(heart.tagged(Surface.EPI))
    points, middle = heart.points.copy(), heart.points[outside].mean(axis=0)
    points[outside] = middle + 0.8 * (points[outside] - middle)
    return with_heart(folder, replace(heart, points=points))


def heart_elsewhere(folder):
    return with_heart(folder, replace(body().heart, points=body().heart.points + [0, -150.0, 0]))


def one_shell_twice(folder):
    row = parts(folder, body(), {k: WORDS[k] for k in ("epi", "lv", "rv")})
    return row._replace(heart="epi=epi.stl lv=rv.stl rv=rv.stl")


def closed_shell(folder):
    row = parts(folder, body(), {k: WORDS[k] for k in ("epi", "lv", "rv")})
    shell = pv.read(folder / "lv.stl").clean().fill_holes(1000.0).triangulate()
    shell.save(folder / "lv.stl")
    return row


def left_ventricle_alone(folder):
    """A shell of one thickness, open at the top."""
    sphere = pv.Sphere(radius=38.0, theta_resolution=40, phi_resolution=40)
    inner = pv.Sphere(radius=28.0, theta_resolution=40, phi_resolution=40)
    wall = sphere.clip_closed_surface("-z", origin=(0, 0, 15)).triangulate()
    wall = wall.boolean_difference(inner.clip_closed_surface("-z", origin=(0, 0, 16)).triangulate())
    middle = body().heart.points.mean(axis=0)
    wall.translate(middle, inplace=True).triangulate().save(folder / "own.vtp")
    return written(folder, body(), "own.vtp")


def no_numbers(folder):
    points = body().heart.points.copy()
    points[7] = np.nan
    return with_heart(folder, replace(body().heart, points=points))


def no_lv(folder):
    heart = body().heart
    return parts(folder, body(), {"epi": Surface.EPI, "rv": Surface.RV_ENDO}) if heart else None


def named_array(tags):
    def kind(folder):
        mesh = poly(body().heart)
        mesh.cell_data["part"] = 10 * body().heart.face_tags
        mesh.save(folder / "own.vtp")
        return written(folder, body(), "own.vtp", tags)

    return kind


def torso_twice_as_heart(folder):
    poly(scaled(untagged(body().torso), 0.25), False).save(folder / "own.vtp")
    return written(folder, body(), "own.vtp")


def giant(folder):
    whole = body()
    middle = whole.heart.points.mean(axis=0)
    grown = replace(whole.heart, points=middle + 1.35 * (whole.heart.points - middle))
    large = replace(whole.torso, points=middle + 1.35 * (whole.torso.points - middle))
    places = {name: middle + 1.35 * (place - middle) for name, place in whole.places.items()}
    return written(folder, Body(grown, large, places))


def in_seconds(mesh):
    mesh.point_data["lat"] = mesh.point_data["lat"] / 1000


def half_without_times(mesh):
    low = mesh.points[:, 2] < np.median(mesh.points[:, 2])
    mesh.point_data["lat"] = np.where(low, -1.0, mesh.point_data["lat"])


def measured(words="fiber=own_f time=lat", change=lambda mesh: None):
    return lambda folder: measured_mesh(folder, words, change)


REFUSED = {
    "activation in seconds": (measured(change=in_seconds), "lat: activation lasts 0.*; in s,"),
    "half without activation": (
        measured(change=half_without_times), r"activation: \d+ places are up to .* from any .*near"
    ),
    "fibres that are not there": (measured("fiber=fibres"), "neither a file nor an array; arrays"),
    "times as fibres": (measured("fiber=lat"), r"shape \(\d+,\); three components"),
    "fibres of a surface": (
        lambda folder: written(folder, body(), tags="fiber=f"), "no tetrahedra; fibres and"
    ),
    "no such file": (of_row(heart="none.vtp"), "none.vtp: no such file"),
    "broken file": (file_of("own.vtp"), "own.vtp: not readable|own.vtp: no triangles"),
    "values of ECGSIM": (file_of("own.fld"), "format .fld of ECGSIM is not published"),
    "unknown format": (file_of("own.step"), "suffix '.step' is none of"),
    "empty file": (file_of("own.stl", ""), "own.stl: (not readable|no triangles)"),
    "vertices that are no numbers": (no_numbers, "1 of .* vertices are not numbers"),
    "no such array": (named_array("parts epi=20 lv=30 rv=40 base=50"), "no array 'parts'"),
    "values without a name": (named_array("part epi=20 lv=30 rv=41 base=50"), r"also holds \[40"),
    "an unknown word": (named_array("part epi=20 lv=30 rv=40 top=50"), "tags: top unknown"),
    "a part is missing": (no_lv, "heart: lv=... missing"),
    "mirrored axes": (of_row(axes="RPS"), "mirror the body"),
    "axes named twice": (of_row(axes="LRS"), "name one line twice"),
    "another unit": (of_row(unit="cm"), "are the files in mm"),
    "an unknown unit": (of_row(unit="inch"), "'inch' is unknown"),
    "heart in another unit": (
        lambda folder: with_heart(folder, scaled(body().heart, 0.1)), "do all files have one unit"
    ),
    "a hole in the epicardium": (
        holed("heart", 28.0, Surface.EPI), r"not closed: .*hole.* \d+ mm .*near"
    ),
    "a hole in the LV": (
        holed("heart", 20.0, Surface.LV_ENDO), r"not closed: .*hole.* \d+ mm .*near"
    ),
    "a hole in the torso": (holed("torso", 110.0), r"torso: not closed: .*hole.*near"),
    "an inner wall": (inner_wall, "torso: not a manifold: .* three or more triangles, near"),
    "a pinched torso": (pinched, "touches itself in 1 vertices, near"),
    "two torsos": (two_torsos, "2 separate surfaces, the second near"),
    "a torso that cuts itself": (folded_torso, r"torso: intersects itself: \d+ pairs"),
    "an epicardium inside the wall": (pushed_through, r"heart: intersects itself: \d+ pairs"),
    "a heart outside the torso": (heart_elsewhere, "vertices are outside the torso.*near"),
    "epicardium and LV swapped": (
        swapped(Surface.EPI, Surface.LV_ENDO), "LV_ENDO spans .* EPI only .* swapped|meet without"
    ),
    "scattered tags": (retagged(scattered), "face_tags|LV_ENDO|RV_ENDO|EPI|tags"),
    "no triangle of the RV": (renamed(Surface.RV_ENDO, Surface.LV_ENDO), "RV_ENDO missing"),
    "one shell given twice": (one_shell_twice, "no RV endocardium .* is one duplicated"),
    "a shell that is closed": (closed_shell, "LV endocardium: closed by itself"),
    "one ventricle alone": (left_ventricle_alone, "no two ventricles are found"),
    "no heart but a ball": (torso_twice_as_heart, "no two ventricles are found|outside the torso"),
    "a giant's heart": (giant, r"volume \d+ ml is outside"),
    "electrodes off the skin": (
        sites_of(lambda lines: [lines[0], "RA,900,0,0", *lines[2:]]), "RA .* mm off the torso.*near"
    ),
    "electrodes missing": (sites_of(lambda lines: lines[:4]), "V1 .* missing; give them, or the"),
    "an electrode given twice": (sites_of(lambda lines: [*lines, lines[1]]), "RA is given twice"),
    "no coordinates": (sites_of(lambda lines: ["name,x,y", *lines[1:]]), "no column z"),
}  # fmt: skip
"""Kind -> what writes it, and a pattern of the reason."""
