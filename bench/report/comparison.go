package report

import "strings"

// Growth is the same work of one contender on databases of several sizes.
type Growth struct {
	Work, Contender string
	Rows            []Key // from the smallest database to the largest
}

// growth compares rates by the number of stored orders. Work that was not measured on the smallest and the largest database
// is left out.
func (r *Results) growth(all []Growth, sizes []string) string {
	var rows [][]string
	for _, g := range all {
		kept, known := r.Ratio(Rate, g.Rows[len(g.Rows)-1], g.Rows[0])
		if !known {
			continue
		}
		cells := []string{g.Work, g.Contender}
		for _, key := range g.Rows {
			rate := ""
			if row := r.Row(key); row != nil {
				rate = thousands(row.Median(Rate))
			}
			cells = append(cells, rate)
		}
		rows = append(rows, append(cells, compact(kept.Median)))
	}
	if rows == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n## Growth\n\nRequests a second by the number of stored orders, and the largest against the smallest.\n\n")
	head := append(append([]string{"work", "contender"}, sizes...), "kept")
	table(&b, "ll"+strings.Repeat("r", len(sizes)+1), head, rows)
	return b.String()
}

// Cost is what a feature costs the work that it is part of.
type Cost struct {
	Feature       string
	Without, With Key
}

// costs compares requests with a feature to those without. Features of which either was not measured are left out.
func (r *Results) costs(all []Cost) string {
	var rows [][]string
	for _, c := range all {
		kept, known := r.Ratio(Rate, c.With, c.Without)
		if !known {
			continue
		}
		without, with := r.Row(c.Without), r.Row(c.With)
		rows = append(rows, []string{
			c.Feature, c.With.Contender, thousands(without.Median(Rate)), thousands(with.Median(Rate)),
			compact(kept.Median), compact(kept.Min) + "–" + compact(kept.Max),
			microseconds(without.Median(CPU)), microseconds(with.Median(CPU)),
		})
	}
	if rows == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n## What a feature costs a request\n\nRequests a second and CPU µs per request, without the feature and with it. " +
		"Kept is the rate with it against without, within a round.\n\n")
	table(&b, "llrrrrrr", []string{"feature", "contender", "without", "with", "kept", "rounds", "CPU without", "CPU with"}, rows)
	return b.String()
}
