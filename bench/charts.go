package main

import "userorder/bench/report"

// charts returns the contents of the picture: all contenders side by side for the most telling work.
func charts(r *report.Results) (charts []report.Chart) {
	for _, c := range []struct {
		title, work string
		clients     int
	}{
		{queryOf(small), queryOf(small), clients},
		{queryOf(medium), queryOf(medium), clients},
		{queryOf(large), queryOf(large), clients},
		{"create, 64 clients, durable but for Flask and PocketBase with its defaults", create, 64},
		{"mix", mix, clients},
	} {
		chart := report.Chart{Title: c.title}
		for _, contender := range []string{onBare, onGin, onSQLite, onPostgres, onPocketBase, onDurablePocketBase, onFlask} {
			if row := r.Row(report.Key{Contender: contender, Work: c.work, Clients: c.clients}); row != nil {
				chart.Bars = append(chart.Bars, report.Bar{Name: contender, Rate: row.Median(report.Rate)})
			}
		}
		if row := r.Row(report.Key{Contender: onDisk, Work: overwrite, Clients: 1}); row != nil && c.work == create {
			chart.Bars = append(chart.Bars, report.Bar{Name: "the disk's fdatasync, one at a time", Rate: row.Median(report.Rate)})
		}
		if len(chart.Bars) > 0 {
			charts = append(charts, chart)
		}
	}
	return charts
}
