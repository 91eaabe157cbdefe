package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
)

func newLogger(cfg Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel, ReplaceAttr: escapeControls}
	if cfg.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// escapeControls spells out the control characters that slog's JSON leaves as they are, DEL and those from
// U+0080 on: a terminal may obey them, and a client can bring them in, say in the header of a token.
func escapeControls(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindString || !strings.ContainsFunc(attr.Value.String(), isHighControl) {
		return attr
	}
	var escaped strings.Builder
	for _, char := range attr.Value.String() {
		if isHighControl(char) {
			_, _ = fmt.Fprintf(&escaped, `\u%04x`, char)
		} else {
			escaped.WriteRune(char)
		}
	}
	return slog.String(attr.Key, escaped.String())
}

func isHighControl(char rune) bool { return char >= 0x7f && unicode.IsControl(char) }
