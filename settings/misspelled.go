package settings

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Misspelling is a variable that looks like a setting and is none.
type Misspelling struct{ Name, Meant string }

// Misspelled returns the variables that nobody has read and whose names nearly are those of settings that were read:
// DATABSE_URL, JWT_SECRET_KEY, MAX_CONNS, port. A name of fewer than eight letters may differ by its case, or by two
// letters that are swapped or one that is doubled: with more, every environment would have some.
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

// nearest returns the setting whose name is most like name, or "". Of several it prefers the longest, which says most
// of name.
func (r *Reader) nearest(name string) (nearest string) {
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	least := unlike
	for _, setting := range slices.Sorted(maps.Keys(r.known)) {
		cost := difference(upper, setting)
		if cost < least || cost == least && cost < unlike && len(setting) > len(nearest) {
			nearest, least = setting, cost
		}
	}
	return nearest
}

// unlike is the difference of names that have nothing to do with each other.
const unlike = 5

// difference returns how much name differs from that of a setting.
func difference(name, setting string) int {
	distance, within := unlike, 0
	if longer := len(name) - len(setting); -2 <= longer && longer <= 2 {
		distance = editDistance(name, setting)
	}
	switch {
	case len(setting) >= 12:
		within = 2
	case len(setting) >= 8:
		within = 1
	}
	switch {
	case distance <= within, distance == 1 && isSlip(name, setting):
		return distance
	case hasWords(name, setting, 0):
		return 3
	case hasWords(name, setting, 1), within > 0 && strings.HasPrefix(name, setting+"_"):
		return 4
	}
	return unlike
}

// isSlip reports that name has two letters of setting swapped, or one doubled: PORTT, but not PORTS.
func isSlip(name, setting string) bool {
	letters, wanted := []byte(name), []byte(setting)
	if string(slices.Compact(slices.Clone(letters))) == setting {
		return true
	}
	slices.Sort(letters)
	slices.Sort(wanted)
	return slices.Equal(letters, wanted)
}

// hasWords reports that name has the words of setting in any order, and a number of further ones: JWT_PREVIOUS_SECRET,
// CORS_ALLOWED_ORIGINS. With a further one the first word must be that of setting, because TEST_DATABASE_URL is
// another program's, and setting must have two, because longer names have relatives, such as those of OpenTelemetry.
func hasWords(name, setting string, further int) bool {
	words, wanted := strings.Split(name, "_"), strings.Split(setting, "_")
	if len(wanted) < 2 || len(words) != len(wanted)+further || further > 0 && (len(wanted) > 2 || !alike(words[0], wanted[0])) {
		return false
	}
	for _, want := range wanted {
		i := slices.IndexFunc(words, func(word string) bool { return alike(word, want) })
		if i < 0 {
			return false
		}
		words = slices.Delete(words, i, i+1)
	}
	return true
}

// synonyms are words that people take for those of settings, in the form of stem.
var synonyms = map[string]string{"OLD": "PREVIOU", "LAST": "PREVIOU", "FORMER": "PREVIOU", "DB": "DATABASE"}

// alike reports that two words are one, in the singular or plural or shortened: PROXY and PROXIES, PREV and PREVIOUS.
func alike(a, b string) bool {
	a, b = stem(a), stem(b)
	return a == b || min(len(a), len(b)) >= 4 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

func stem(word string) string {
	if singular, ok := strings.CutSuffix(word, "IES"); ok {
		return singular + "Y"
	}
	word = strings.TrimSuffix(word, "S")
	return cmp.Or(synonyms[word], word)
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
