package report

import (
	"image/color"
	"math"
	"strconv"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Panel shows quantities of one unit over time.
type Panel struct {
	Title       string // with the unit
	Lines       []Line
	Logarithmic bool
}

// Line is a quantity over time.
type Line struct {
	Name            string
	Color           color.Color
	Dashed          bool
	Minutes, Values []float64 // of its points
}

// The colors of lines: blues for SQLite, and others that are told apart from them and from each other.
var (
	Blue   = color.RGBA{0x1b, 0x6c, 0xa8, 0xff}
	Orange = color.RGBA{0xd9, 0x6b, 0x2b, 0xff}
	Green  = color.RGBA{0x3f, 0x8f, 0x4f, 0xff}
	Purple = color.RGBA{0x8a, 0x5c, 0xb0, 0xff}
	Gray   = color.RGBA{0xa0, 0xa0, 0xa0, 0xff}
)

const (
	panelWidth, panelHeight = 760, 118 // points
	legendWidth             = 170
	axisWidth               = 44 // for the labels of the vertical axes, so that all panels begin at one place
	headHeight, footHeight  = 34, 26
)

// DrawPanels writes an SVG file with panels below each other over one axis of minutes, the names of the lines beside them.
func DrawPanels(path, title string, minutes float64, panels []Panel) error {
	canvas := vgsvg.New(vg.Points(panelWidth), vg.Points(headHeight+footHeight+panelHeight*float64(len(panels))))
	whole := draw.New(canvas)
	whole.FillPolygon(color.White, []vg.Point{whole.Min, {X: whole.Max.X, Y: whole.Min.Y}, whole.Max, {X: whole.Min.X, Y: whole.Max.Y}})
	style := plot.New().X.Tick.Label
	style.Font.Variant, style.Font.Size = "Sans", vg.Points(9)
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	heading := style
	heading.Font.Size = vg.Points(11)
	whole.FillText(heading, vg.Point{X: vg.Points(12), Y: whole.Max.Y - vg.Points(headHeight)/2}, title)
	for i, panel := range panels {
		top := whole.Max.Y - vg.Points(headHeight+panelHeight*float64(i))
		area := draw.Canvas{Canvas: whole, Rectangle: vg.Rectangle{
			Min: vg.Point{X: whole.Min.X, Y: top - vg.Points(panelHeight)}, Max: vg.Point{X: whole.Max.X, Y: top},
		}}
		panel.draw(area, style, minutes, i == len(panels)-1)
	}
	return save(path, canvas)
}

// draw draws the panel into an area. The last one has the labels of the minutes below it.
func (p Panel) draw(area draw.Canvas, style draw.TextStyle, minutes float64, last bool) {
	const above, below, right = 18, 6, 12
	plotted := vg.Rectangle{
		Min: vg.Point{X: area.Min.X + vg.Points(axisWidth), Y: area.Min.Y + vg.Points(below)},
		Max: vg.Point{X: area.Max.X - vg.Points(legendWidth+right), Y: area.Max.Y - vg.Points(above)},
	}
	bold := style
	bold.Font.Weight = xfont.WeightBold
	area.FillText(bold, vg.Point{X: plotted.Min.X, Y: area.Max.Y - vg.Points(above)/2}, p.Title)

	low, high, ticks := p.scale()
	position := func(value float64) float64 { return (value - low) / (high - low) }
	if p.Logarithmic {
		position = func(value float64) float64 {
			return (math.Log10(max(value, low)) - math.Log10(low)) / (math.Log10(high) - math.Log10(low))
		}
	}
	x := func(minute float64) vg.Length { return plotted.Min.X + vg.Length(minute/minutes)*plotted.Size().X }
	y := func(value float64) vg.Length { return plotted.Min.Y + vg.Length(position(value))*plotted.Size().Y }

	grid := draw.LineStyle{Color: color.Gray{0xdd}, Width: vg.Points(0.5)}
	label := style
	label.XAlign = draw.XRight
	for _, tick := range ticks {
		area.StrokeLine2(grid, plotted.Min.X, y(tick), plotted.Max.X, y(tick))
		area.FillText(label, vg.Point{X: plotted.Min.X - vg.Points(5), Y: y(tick)}, number(tick))
	}
	label.XAlign = draw.XCenter
	for i, by := 0, step(minutes, 8); float64(i)*by <= minutes; i++ {
		minute := float64(i) * by
		area.StrokeLine2(grid, x(minute), plotted.Min.Y, x(minute), plotted.Max.Y)
		if last {
			area.FillText(label, vg.Point{X: x(minute), Y: plotted.Min.Y - vg.Points(9)}, number(minute))
		}
	}
	if last {
		label.XAlign = draw.XLeft
		area.FillText(label, vg.Point{X: plotted.Max.X + vg.Points(14), Y: plotted.Min.Y - vg.Points(9)}, "minutes")
	}
	p.drawLines(area, style, plotted, x, y)
}

func (p Panel) drawLines(area draw.Canvas, style draw.TextStyle, plotted vg.Rectangle, x, y func(float64) vg.Length) {
	const row, sample = 13, 16
	at := plotted.Max.Y - vg.Points(row)/2
	for _, line := range p.Lines {
		stroke := draw.LineStyle{Color: line.Color, Width: vg.Points(1.2)}
		if line.Dashed {
			stroke.Dashes = []vg.Length{vg.Points(3), vg.Points(2)}
		}
		points := make([]vg.Point, len(line.Minutes))
		for i := range points {
			points[i] = vg.Point{X: x(line.Minutes[i]), Y: y(line.Values[i])}
		}
		if len(points) > 1 {
			area.StrokeLines(stroke, points)
		}
		left := plotted.Max.X + vg.Points(14)
		area.StrokeLine2(stroke, left, at, left+vg.Points(sample), at)
		area.FillText(style, vg.Point{X: left + vg.Points(sample+6), Y: at}, line.Name)
		at -= vg.Points(row)
	}
}

// scale returns the ends of the vertical axis and its ticks.
func (p Panel) scale() (low, high float64, ticks []float64) {
	lowest, highest := math.Inf(1), 0.0
	for _, line := range p.Lines {
		for _, value := range line.Values {
			highest = max(highest, value)
			if value > 0 {
				lowest = min(lowest, value)
			}
		}
	}
	if p.Logarithmic && highest > 0 {
		low, high = math.Pow(10, math.Floor(math.Log10(lowest))), math.Pow(10, math.Ceil(math.Log10(highest)))
		if high <= low {
			high = 10 * low
		}
		for tick := low; tick <= high*1.001; tick *= 10 {
			ticks = append(ticks, tick)
		}
		return low, high, ticks
	}
	highest = max(highest, 1)
	by := step(highest, 4)
	high = by * math.Ceil(highest/by)
	for i := 0; float64(i)*by <= high*1.001; i++ {
		ticks = append(ticks, float64(i)*by)
	}
	return 0, high, ticks
}

// number formats the value of a tick.
func number(tick float64) string { return strconv.FormatFloat(tick, 'g', 6, 64) }

// step returns a distance of 1, 2 or 5 times a power of ten, so that a range has at most a number of ticks after the first.
func step(length float64, ticks int) float64 {
	least := length / float64(ticks)
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= least {
			return factor * power
		}
	}
	return 10 * power
}
