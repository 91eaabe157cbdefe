package soak

import (
	"fmt"
	"image/color"
	"time"

	"userorder/bench/report"
)

// palette has a color for each process of all databases in turn, and for the databases.
var palette = []color.Color{report.Blue, report.Orange, report.Green, report.Purple}

// Draw writes the picture of the run.
func (r *Result) Draw(path string) error {
	colors := map[string]color.Color{} // by the name of a process or a database
	for _, d := range r.bases {
		for _, p := range d.Processes {
			if _, known := colors[d.Name]; !known {
				colors[d.Name] = palette[len(colors)%len(palette)]
			}
			if p.Name != d.Name {
				colors[p.Name] = palette[(len(colors)-1)%len(palette)]
			}
		}
	}
	return report.DrawPanels(path, r.title(), r.Plan.Time.Minutes(), r.panels(colors))
}

func (r *Result) title() string {
	return fmt.Sprintf("%v of a shop's requests, %d a second to each database", r.Plan.Time, r.Plan.Rate)
}

func (r *Result) panels(colors map[string]color.Color) []report.Panel {
	var panels []report.Panel
	for _, quantity := range []struct{ name, title string }{
		{memory.Quantity, "Private memory, MB"},
		{goroutines.Quantity, "Goroutines, without those of clients' connections"},
		{descriptors.Quantity, "Open descriptors, without clients' connections"},
		{clientConnections, "Clients' connections"},
		{cores, "CPU, % of a core"},
		{walSQLite.Quantity, "Write-ahead log, MB"},
		{sessions.Quantity, "Sessions in the table"},
		{waiting.Quantity, "Events that wait for the webhook"},
	} {
		panel := report.Panel{Title: quantity.title}
		for _, series := range r.samples.all(quantity.name) {
			panel.Lines = append(panel.Lines, line(thin(series, r.Plan.Time), colors[series.Name], false))
		}
		panels = append(panels, panel)
	}
	_, control := r.control.lines(controls, "net/http alone")
	for _, class := range []string{reads, writes, hashes} {
		panel := report.Panel{Title: "Response times of " + class + ", ms", Logarithmic: true}
		for i, s := range r.shops {
			p50, p99 := s.record.lines(class, r.bases[i].Name)
			panel.Lines = append(panel.Lines, line(p99, colors[r.bases[i].Name], false), line(p50, colors[r.bases[i].Name], true))
		}
		panel.Lines = append(panel.Lines, line(control, report.Gray, false))
		panels = append(panels, panel)
	}
	return panels
}

// thin returns the medians of at most some hundred parts of a series.
func thin(s Series, length time.Duration) Series {
	const parts = 240
	thinned := Series{Name: s.Name}
	var values []float64
	part := 0
	flush := func() {
		if len(values) > 0 {
			thinned.Points = append(thinned.Points, Point{length * time.Duration(2*part+1) / (2 * parts), median(values)})
		}
		values = values[:0]
	}
	for _, p := range s.Points {
		if p.At >= length { // while the last responses were waited for
			break
		}
		if in := int(parts * p.At / length); in != part {
			flush()
			part = in
		}
		values = append(values, p.Value)
	}
	flush()
	return thinned
}

func line(s Series, c color.Color, dashed bool) report.Line {
	l := report.Line{Name: s.Name, Color: c, Dashed: dashed}
	for _, p := range s.Points {
		l.Minutes, l.Values = append(l.Minutes, p.At.Minutes()), append(l.Values, p.Value)
	}
	return l
}
