package report

import (
	"bytes"
	"image/color"
	"math"
	"os"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Chart compares contenders at one kind of work.
type Chart struct {
	Title string
	Bars  []Bar
}

// Bar is the rate of one contender, in requests per second.
type Bar struct {
	Name string
	Rate float64
}

// Draw writes an SVG file with charts below each other on one axis. The axis is logarithmic, since short bars would be
// invisible on a linear one.
func Draw(path string, charts []Chart) error {
	p := plot.New()
	p.Title.Text = "Requests per second (logarithmic scale): longer is faster"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powers{}
	p.HideY()
	for _, style := range []*draw.TextStyle{&p.Title.TextStyle, &p.X.Tick.Label} {
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(9)
	}
	p.Title.TextStyle.Font.Size, p.Title.Padding = vg.Points(11), vg.Points(8)
	b := arrange(charts, p.X.Tick.Label)
	p.Add(b)
	const row = 16 // points
	canvas := vgsvg.New(vg.Points(680), vg.Points(row*b.rows+70))
	const margin = 10 // points
	p.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -margin))
	return save(path, canvas)
}

// save writes an SVG file. Text is laid out for Liberation Sans, which few systems have; the fallbacks have the same widths.
func save(path string, canvas *vgsvg.Canvas) error {
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	text := bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	return os.WriteFile(path, text, 0o644) //nolint:gosec // results are public
}

// bars draws its own bars, since those of gonum begin at zero, which a logarithmic axis does not have.
type bars struct {
	placed []placed
	titles []placed
	rows   float64
	style  draw.TextStyle
}

type placed struct {
	Bar
	at float64
}

// arrange places the bars below each other, each chart under its title. Positions decrease, since the axis points up.
func arrange(charts []Chart, style draw.TextStyle) bars {
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	b := bars{style: style}
	at := 0.0
	for _, chart := range charts {
		b.titles = append(b.titles, placed{Bar{Name: chart.Title}, at})
		at--
		for _, bar := range chart.Bars {
			b.placed = append(b.placed, placed{bar, at})
			at--
		}
		const gap = 0.4
		at -= gap
	}
	b.rows = -at
	return b
}

const floor = 10 // requests per second at which bars begin

// DataRange implements plot.DataRanger. It leaves room for the label of the longest bar.
func (b bars) DataRange() (xmin, xmax, ymin, ymax float64) {
	longest := 10.0 * floor
	for _, bar := range b.placed {
		longest = max(longest, bar.Rate)
	}
	const label = 20 // factor on the logarithmic axis
	return floor, longest * label, -b.rows + 1, 0.6
}

// Plot implements plot.Plotter.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	const half = 0.38
	for power := 10.0 * floor; power < p.X.Max; power *= 10 {
		c.StrokeLine2(draw.LineStyle{Color: color.Gray{0xdd}, Width: vg.Points(0.5)}, x(power), c.Min.Y, x(power), c.Max.Y)
	}
	heading := b.style
	heading.Font.Weight = xfont.WeightBold
	for _, title := range b.titles {
		c.FillText(heading, vg.Point{X: x(floor), Y: y(title.at)}, title.Name)
	}
	for _, bar := range b.placed {
		left, right, low, high := x(floor), x(max(bar.Rate, floor)), y(bar.at-half), y(bar.at+half)
		c.FillPolygon(colorOf(bar.Name), []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}})
		c.FillText(b.style, vg.Point{X: right + vg.Points(4), Y: y(bar.at)}, thousands(bar.Rate)+"  "+bar.Name)
	}
}

// colorOf returns blues for the service, greens for PocketBase, orange for Flask and grey for the limits.
func colorOf(name string) color.Color {
	colors := map[string]color.Color{
		"userorder, SQLite": color.RGBA{0x1b, 0x6c, 0xa8, 0xff}, "userorder, PostgreSQL": color.RGBA{0x6a, 0xae, 0xd6, 0xff},
		"PocketBase": color.RGBA{0x3f, 0x8f, 0x4f, 0xff}, "PocketBase, synchronous=FULL": color.RGBA{0x8f, 0xc2, 0x98, 0xff},
		"Flask": color.RGBA{0xd9, 0x6b, 0x2b, 0xff},
	}
	if found, ok := colors[name]; ok {
		return found
	}
	return color.Gray{0xb4}
}

// powers places ticks at powers of ten.
type powers struct{}

func (powers) Ticks(low, high float64) (ticks []plot.Tick) {
	for power := math.Pow(10, math.Ceil(math.Log10(low))); power <= high; power *= 10 {
		ticks = append(ticks, plot.Tick{Value: power, Label: thousands(power)})
	}
	return ticks
}
