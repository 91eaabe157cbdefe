// Package telemetry tells the people who run the service what it does: the log, metrics, traces, profiles and what
// the program was built from. It must not know any module or any database.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// LogConfig says how to log.
type LogConfig struct {
	Level    slog.Level
	JSON     bool
	Terminal bool // text is for a person who looks at it
	NoColor  bool
}

// NewLogger returns a logger that writes JSON or text to w, a line a call. In JSON a duration has its unit in its name:
// took becomes took_ms.
func NewLogger(cfg LogConfig, w io.Writer) *slog.Logger {
	switch {
	case cfg.JSON:
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: forMachines}))
	case cfg.Terminal:
		return slog.New(newTerminalHandler(cfg, w))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: escapeControls}))
}

// forMachines names the unit of a duration, which slog writes as a number of nanoseconds.
func forMachines(groups []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindDuration {
		return slog.Float64(attr.Key+"_ms", float64(attr.Value.Duration())/float64(time.Millisecond))
	}
	return escapeControls(groups, attr)
}

// escapeControls spells out the control characters that slog leaves as they are, DEL and those from U+0080 on: a
// terminal may obey them, and a client can smuggle them in, for example in the header of a token.
func escapeControls(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindString || !strings.ContainsFunc(attr.Value.String(), isHighControl) {
		return attr
	}
	return slog.String(attr.Key, spellOut(attr.Value.String(), isHighControl))
}

// spellOut writes banned characters as \u001b.
func spellOut(text string, banned func(rune) bool) string {
	var escaped strings.Builder
	for _, char := range text {
		if banned(char) {
			_, _ = fmt.Fprintf(&escaped, `\u%04x`, char)
		} else {
			escaped.WriteRune(char)
		}
	}
	return escaped.String()
}

func isHighControl(char rune) bool { return char >= 0x7f && unicode.IsControl(char) }
