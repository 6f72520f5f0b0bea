# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# points.sh - restore points that no backup has made: of another time, or of another name.

points_forge() { # REPO ID FILTER: one that is like ID, but for what jq's FILTER does to it; prints its id
	local id
	jq --indent 1 "$3" "$1/points/$2" >.forged && id=$(sha256sum <.forged) && id=${id%% *} &&
		install -m 0400 .forged "$1/points/$id" && echo "$id"
}

points_hurt() { # REPO ID: a check has found it damaged, and that was not so
	local note
	jq -n --arg id "$2" '{format: "lunette-check", version: 1, features: [], time: "2020-01-01T00:00:00Z", data: 100, whole: [], hurt: [$id]}' >.forged &&
		note=$(sha256sum <.forged) && mkdir -p "$1/checks" && install -m 0400 .forged "$1/checks/${note%% *}"
}
