package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// columns is the width of the line of a request on a terminal.
const columns = 100

// requestHandler writes the line of a request for a person: the time, the method, the path, the status, the duration, the
// user and the beginning of the request id, then the error and as much of the rest as fits into the columns. The
// error may use the padding that aligns the status. What explains a failure of ours (Error) is shown whatever its length. Other
// lines pass as they are.
type requestHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "request" {
		if line, ok := readLine(r); ok {
			r = line.record(r)
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

// requestLine is what httpapi logs of a request.
type requestLine struct {
	method, path, status string
	took                 time.Duration
	known                []slog.Attr // the user and the id
	rest                 []slog.Attr // the error first
}

func readLine(r slog.Record) (line requestLine, ok bool) {
	var user, id []slog.Attr
	r.Attrs(func(attr slog.Attr) bool {
		switch text := attr.Value.String(); attr.Key {
		case "method":
			line.method, ok = shorten(visible(text), 7), true
		case "path":
			line.path = visible(text)
		case "status":
			line.status = text
		case "took":
			line.took = attr.Value.Duration()
		case "user":
			user = []slog.Attr{attr}
		case "request":
			id = []slog.Attr{slog.String("id", text[:min(8, len(text))])}
		case "error":
			line.rest = slices.Insert(line.rest, 0, attr)
		case "route", "client", "trace": // of use to a search in many lines
		default:
			line.rest = append(line.rest, attr)
		}
		return true
	})
	line.known = slices.Concat(user, id)
	return line, ok
}

// record returns the line instead of r.
func (l requestLine) record(r slog.Record) slog.Record {
	const before, shortest, aligned = len("15:04:05.000 INF "), 12, 22
	room := columns - before
	for _, attr := range l.known {
		room -= 1 + widthOf(attr)
	}
	start, end := fmt.Sprintf("%-6s ", l.method), fmt.Sprintf(" %3s %7s", l.status, briefly(l.took))
	most := max(shortest, room-width(start)-width(end))
	path := shorten(l.path, most)
	room -= width(start) + width(path) + width(end)
	padding := max(0, min(aligned, most)-width(path))
	if r.Level < slog.LevelError {
		padding = max(0, min(padding, room-l.widthOfError()))
	}
	room -= padding
	line := slog.NewRecord(r.Time, r.Level, start+path+strings.Repeat(" ", padding)+end, r.PC)
	line.AddAttrs(l.known...)
	for _, attr := range l.rest {
		if r.Level < slog.LevelError {
			if attr.Key == "error" {
				const quotes = 2
				attr = slog.String(attr.Key, shorten(visible(attr.Value.String()), max(0, room-len(" error=")-quotes)))
			}
			if 1+widthOf(attr) > room || attr.Value.String() == "" {
				continue
			}
			room -= 1 + widthOf(attr)
		}
		line.AddAttrs(attr)
	}
	return line
}

// widthOfError returns the columns of the error and the space before it, or 0.
func (l requestLine) widthOfError() int {
	if len(l.rest) == 0 || l.rest[0].Key != "error" || l.rest[0].Value.String() == "" {
		return 0
	}
	return 1 + widthOf(slog.String("error", visible(l.rest[0].Value.String())))
}

// briefly returns a duration in seven columns.
func briefly(took time.Duration) string {
	switch {
	case took >= time.Second:
		return took.Round(10 * time.Millisecond).String()
	case took >= time.Millisecond:
		return took.Round(10 * time.Microsecond).String()
	}
	return took.Round(time.Microsecond).String()
}

// visible spells out control characters, so that each is as wide as it looks.
func visible(text string) string { return spellOut(text, unicode.IsControl) }

// shorten cuts text to a width and ends it with … then.
func shorten(text string, most int) string {
	if width(text) <= most {
		return text
	}
	var short strings.Builder
	left := most - 1
	for _, char := range text {
		if left -= widthOfRune(char); left < 0 {
			break
		}
		short.WriteRune(char)
	}
	if most < 1 {
		return ""
	}
	return short.String() + "…"
}

// widthOf returns the columns of an attribute, or some more.
func widthOf(attr slog.Attr) int {
	return width(attr.Key) + len("=") + width(strconv.Quote(attr.Value.String()))
}

func width(text string) (columns int) {
	for _, char := range text {
		columns += widthOfRune(char)
	}
	return columns
}

// widthOfRune counts Chinese and all that comes after it as wide (https://www.unicode.org/reports/tr11/), which is too
// much for some.
func widthOfRune(char rune) int {
	if char >= 0x2e80 {
		return 2
	}
	return 1
}
