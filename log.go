package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"

	"userorder/database"
)

// newLogger writes JSON, or text, which is for the eye where w is a terminal.
func newLogger(cfg Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel, ReplaceAttr: escapeControls}
	switch {
	case cfg.LogJSON:
		return slog.New(slog.NewJSONHandler(w, options))
	case isTerminal(w):
		return slog.New(newTerminalHandler(cfg, w))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

func newTerminalHandler(cfg Config, w io.Writer) slog.Handler {
	return tint.NewTextHandler(w, &tint.Options{
		Level: cfg.LogLevel, TimeFormat: "15:04:05.000", NoColor: cfg.NoColor, ReplaceAttr: forTerminal,
	})
}

// forTerminal spells out all control characters: tint lets escape sequences through on purpose, and those of a
// client with them. It quotes what is then left, a line's end in a value. Messages, which it does not quote, are
// made equally long.
func forTerminal(_ []string, attr slog.Attr) slog.Attr {
	text := attr.Value.String()
	switch _, isError := attr.Value.Any().(error); {
	case attr.Key == slog.MessageKey:
		return slog.String(attr.Key, fmt.Sprintf("%-9s", spellOut(text, unicode.IsControl)))
	case attr.Value.Kind() == slog.KindString, isError:
		return slog.String(attr.Key, spellOut(text, func(char rune) bool {
			return char != '\n' && char != '\t' && unicode.IsControl(char)
		}))
	}
	return attr
}

// logStart says in one line what the service runs as. No value in it is a secret.
func logStart(log *slog.Logger, cfg Config, secret string, ops *opsServer, tracing *tracing) {
	var databases []string
	for _, url := range slices.Compact([]string{cfg.UserDatabaseURL, cfg.OrderDatabaseURL}) {
		if url != "" {
			databases = append(databases, fmt.Sprintf("%s (%s)", database.Redact(url), cfg.modulesOn(url)))
		}
	}
	log.Info("starting", "version", readBuild().version, "databases", strings.Join(databases, ", "), "secret", secret,
		"limits", onOff(cfg.Limits != Limits{}), "ops", ops.String(), "traces", onOff(tracing != nil))
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// escapeControls spells out the control characters that slog's JSON leaves as they are, DEL and those from
// U+0080 on: a terminal may obey them, and a client can bring them in, say in the header of a token.
func escapeControls(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindString || !strings.ContainsFunc(attr.Value.String(), isHighControl) {
		return attr
	}
	return slog.String(attr.Key, spellOut(attr.Value.String(), isHighControl))
}

// spellOut writes \u001b for a character that must not be met as it is.
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
