package settings

import (
	"maps"
	"slices"
	"strings"
)

// Misspelling is a variable that looks like a setting and is none.
type Misspelling struct{ Name, Meant string }

// Misspelled returns the variables that nobody has read and whose names nearly are those of settings that were
// read: DATABSE_URL, JWT_SECRET_KEY, port. A name of fewer than eight letters must be the same but for its case, or
// every environment would have some.
func (r *Reader) Misspelled() (found []Misspelling) {
	for _, name := range slices.Sorted(maps.Keys(r.environ)) {
		if r.known[name] || r.environ[name] == "" {
			continue
		}
		if meant := r.nearest(name); meant != "" {
			found = append(found, Misspelling{name, meant})
		}
	}
	return found
}

// nearest returns the setting whose name is most like name, or "".
func (r *Reader) nearest(name string) (nearest string) {
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	least := 3
	for _, setting := range slices.Sorted(maps.Keys(r.known)) {
		within := 0
		switch {
		case len(setting) >= 12:
			within = 2
		case len(setting) >= 8:
			within = 1
		}
		distance := editDistance(upper, setting)
		if within > 0 && strings.HasPrefix(upper, setting+"_") && distance > within {
			distance, within = 2, 2
		}
		if distance <= within && distance < least {
			nearest, least = setting, distance
		}
	}
	return nearest
}

// editDistance returns how many letters have to be inserted, removed, replaced or swapped with their neighbour to
// make b of a (https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance, optimal string alignment).
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
